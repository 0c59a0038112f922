"""Laws: what every provider of a kind does, each with an id, a reason and what to do when it fails.

A law is a test method of a suite in `hector.testing`, marked with `law`. This module needs nothing but Hector; what
gives all laws, `all_laws`, imports the suites and with them pytest and Hypothesis.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

import attrs

from hector import __version__
from hector.errors import UsageError

__all__ = [
    "FAMILIES",
    "FIRST_VERSION",
    "KIT_VERSION",
    "UNSUPPORTED",
    "Family",
    "Law",
    "Severity",
    "all_laws",
    "flaws_of_suite",
    "law",
    "law_of",
    "laws_of",
    "severity_of",
    "suite_name",
    "unsupported",
    "waivers_of",
]

FIRST_VERSION = "0.1"
"""The first version of the kit that was published: its laws never were new to anybody."""

KIT_VERSION = ".".join(__version__.split(".")[:2])
"""The kit comes with Hector, so that its version is Hector's: major and minor."""

UNSUPPORTED = "unsupported: "
"""What the reason of a skipped test begins with, when it tried a capability that is not claimed."""

_ID = re.compile(r"(?P<family>[A-Z]{3,4})-\d{3}")
_MINOR = re.compile(r"\d+\.\d+")
_MARK = "__hector_law__"

Severity: TypeAlias = Literal["error", "warning"]
Function = TypeVar("Function", bound=Callable[..., Any])


@attrs.frozen
class Family:
    """Laws whose ids begin alike: those of one suite.

    Attributes:
        suite: name of the suite in `hector.testing`.
        kind: kind of the providers it judges, a word of `hector.spi.KINDS`; or `any`, or `memory_store`, which no
            provider is declared for.
    """

    suite: str
    kind: str


FAMILIES: Mapping[str, Family] = {
    "PLG": Family("ProviderSuite", "any"),
    "LLM": Family("LLMSuite", "llm"),
    "LLMW": Family("LLMWireSuite", "llm"),
    "EMB": Family("EmbedderSuite", "embedder"),
    "EMBW": Family("EmbedderWireSuite", "embedder"),
    "VEC": Family("VectorStoreSuite", "vector_store"),
    "TOOL": Family("ToolsetSuite", "toolset"),
    "AGT": Family("AgentSuite", "agent"),
    "SRC": Family("DocumentSourceSuite", "document_source"),
    "PAR": Family("DocumentParserSuite", "document_parser"),
    "CHK": Family("ChunkerSuite", "chunker"),
    "SES": Family("SessionsSuite", "session_backend"),
    "TSK": Family("TasksSuite", "session_backend"),
    "MEM": Family("MemoryStoreSuite", "memory_store"),
}
"""What an id begins with, and whose laws these are; in the order in which laws are listed."""


@attrs.frozen(kw_only=True)
class Law:
    """Something that every provider of a kind does.

    Attributes:
        id: such as `LLM-003`; never given to another law, not even when this one is dropped.
        claim: one sentence that says what holds: the first one of the test's docstring.
        why: what users or other components would suffer where it does not hold.
        fix: what to do when it fails.
        since: the minor version of the kit that it came with, such as `0.1`.
        test: name of the test method.
    """

    id: str
    claim: str
    why: str
    fix: str
    since: str
    test: str

    @property
    def suite(self) -> str:
        """Name of its suite in `hector.testing`."""
        return self._family.suite

    @property
    def kind(self) -> str:
        """The kind of provider that it is for; see `Family`."""
        return self._family.kind

    @property
    def _family(self) -> Family:
        return FAMILIES[self.id.partition("-")[0]]


_homes: dict[str, str] = {}
"""Where each id was given, so that none is given twice."""


def law(id: str, *, since: str, why: str, fix: str) -> Callable[[Function], Function]:
    """Mark a test method of a suite as a law; its claim is the first sentence of the method's docstring.

    Args:
        id: of the suite's family, with three digits; see `Law`.
        since: the minor version of the kit in which it is new.
        why: see `Law`.
        fix: see `Law`.

    Raises:
        UsageError: the id is none or was given to another law, or something is not said.
    """

    def mark(function: Function) -> Function:
        home = f"{function.__module__}.{function.__qualname__}"
        claim = _first_sentence(inspect.getdoc(function) or "")
        _check(id, since, home, {"why": why, "fix": fix, "a docstring with its claim": claim})
        _homes[id] = home
        made = Law(id=id, claim=claim, why=why, fix=fix, since=since, test=function.__name__)
        setattr(function, _MARK, made)
        return function

    return mark


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a word, or the end of the first paragraph."""
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    end = re.search(r"\.(?=\s|$)", paragraph)
    return paragraph[: end.end()] if end else paragraph


def _check(id: str, since: str, home: str, said: Mapping[str, str]) -> None:
    match = _ID.fullmatch(id)
    if match is None or match["family"] not in FAMILIES:
        families = ", ".join(FAMILIES)
        raise UsageError(f"{home}: {id!r} is no id of a law; it is one of {families}, then -001")
    if not _MINOR.fullmatch(since):
        raise UsageError(f"{home}: {id} is since {since!r}, which is no minor version like 0.1")
    missing = [name for name, text in said.items() if not text.strip()]
    if missing:
        raise UsageError(f"{home}: {id} lacks {' and '.join(missing)}")
    if _homes.get(id, home) != home:
        raise UsageError(f"{home}: {id} is the law {_homes[id]} already; an id is given once")


def law_of(function: object) -> Law | None:
    """The law that a function or bound method is marked as, or None."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Law) else None


def laws_of(suite: type) -> Mapping[str, Law]:
    """All laws of a class, its own and those it inherits, by id, whether it overrides them or not."""
    found: dict[str, Law] = {}
    for base in reversed(suite.__mro__):
        for value in vars(base).values():
            judged = law_of(value)
            if judged is not None:
                found[judged.id] = judged
    return dict(sorted(found.items()))


def suite_name(suite: type) -> str:
    """What a class is called in a report: `module:Class`."""
    return f"{suite.__module__}:{suite.__qualname__}"


def all_laws() -> Sequence[Law]:
    """Every law of the kit, suite by suite.

    Raises:
        ModuleNotFoundError: pytest or Hypothesis is not installed; the message says what to install.
    """
    testing = import_module("hector.testing")
    found: dict[str, Law] = {}
    for family in FAMILIES.values():
        if family.suite in testing.__all__:
            found |= laws_of(getattr(testing, family.suite))
    order = list(FAMILIES)
    return sorted(found.values(), key=lambda it: (order.index(it.id.partition("-")[0]), it.id))


# ------------------------------------------------------------------------------ exceptions to laws


def waivers_of(suite: type) -> Mapping[str, str]:
    """What a class says in `waived`: laws that it does not keep, each with the reason."""
    waived: Mapping[str, str] = getattr(suite, "waived", {})
    return waived


def flaws_of_suite(suite: type) -> Sequence[str]:
    """What is wrong with how a class takes exception to laws, in sentences; empty when nothing is.

    A law is not overridden, nor set to None, unless `waived` says why. What overrides a waived law runs as a test.
    """
    laws, waived = laws_of(suite), waivers_of(suite)
    flaws: list[str] = []
    for id, reason in waived.items():
        if id not in laws:
            flaws.append(f"{suite.__qualname__} waives {id}, which is no law of it")
        elif not reason.strip():
            flaws.append(f"{suite.__qualname__} waives {id} and gives no reason")
    for judged in laws.values():
        found = law_of(inspect.getattr_static(suite, judged.test, None))
        if (found is None or found.id != judged.id) and judged.id not in waived:
            flaws.append(
                f"{suite.__qualname__} overrides {judged.test}, which is the law {judged.id} "
                f"({judged.claim}) Give the reason: waived = {{{judged.id!r}: ...}}"
            )
    return flaws


def unsupported(capability: str) -> NoReturn:
    """End a law that is about a capability which is not claimed, once its typed refusal was seen.

    The test is shown as skipped and stands in the report as `unsupported`, with what it was.

    Args:
        capability: what is not claimed, and how that showed, in a few words.
    """
    import pytest

    pytest.skip(f"{UNSUPPORTED}{capability}")


# ------------------------------------------------------------------------------ versions


def severity_of(since: str, *, kit: str = KIT_VERSION, is_strict: bool = False) -> Severity:
    """Whether a law that does not hold fails its test or only warns.

    A law warns in the minor version that it is new in, so that an upgrade of Hector never breaks the build of a
    plugin by a law that nobody could have known; from the next minor version on it fails. The laws of the first
    version that was published fail at once, and so does every law when it is asked for.

    Args:
        since: the minor version that the law is new in, such as `0.2`.
        kit: the minor version of the kit.
        is_strict: new laws fail, too.
    """
    is_new = _numbers(since) >= _numbers(kit) and _numbers(since) > _numbers(FIRST_VERSION)
    return "warning" if is_new and not is_strict else "error"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
