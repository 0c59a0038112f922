"""Laws: their ids, their words, their versions, and what a suite may do about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector import spi, testing
from hector.errors import UsageError
from hector.testing import LLMSuite, VectorStoreSuite, all_laws, law
from hector.testing.laws import (
    FAMILIES,
    FIRST_VERSION,
    Law,
    flaws_of_suite,
    law_of,
    laws_of,
    severity_of,
)

LAWS = all_laws()


# ------------------------------------------------------------------------------ what there is


def test_every_test_of_every_suite_is_a_law() -> None:
    suites = [getattr(testing, name) for name in testing.__all__]
    tests = {
        f"{base.__qualname__}.{name}": value
        for suite in suites
        if isinstance(suite, type) and suite.__name__.endswith("Suite")
        for base in suite.__mro__
        for name, value in vars(base).items()
        if name.startswith("test_")
    }

    assert len(tests) > 100
    assert [name for name, test in tests.items() if law_of(test) is None] == []


def test_every_suite_has_a_family() -> None:
    suites = {name for name in testing.__all__ if name.endswith("Suite")}

    assert suites == {family.suite for family in FAMILIES.values()} & set(testing.__all__)


@pytest.mark.parametrize("judged", LAWS, ids=lambda it: it.id)
def test_a_law_says_what_why_and_what_to_do_in_sentences(judged: Law) -> None:
    assert judged.kind
    for text in (judged.claim, judged.why, judged.fix):
        assert text[0].isupper() or text[0] == "`", text
        assert text.endswith("."), text
    assert len({judged.claim, judged.why, judged.fix}) == 3


def test_no_two_laws_claim_the_same() -> None:
    claims = [(judged.suite, judged.claim) for judged in LAWS]

    assert len(set(claims)) == len(claims)


def test_ids_are_in_order_and_none_is_given_twice() -> None:
    families = [*FAMILIES]
    ids = {judged.id for judged in LAWS}

    assert [judged.id for judged in LAWS] == sorted(
        ids, key=lambda it: (families.index(it.partition("-")[0]), it)
    )


def test_what_a_law_tells_to_use_is_there() -> None:
    """Modules and names of `hector.spi`."""
    text = " ".join(judged.fix for judged in LAWS)
    told = set(re.findall(r"`([A-Za-z_]+)`(?: and `\w+`)? of `hector\.spi`", text))
    told |= set(re.findall(r"`hector\.spi\.(\w+)[.\w]*`", text))

    assert len(told) > 10
    assert [name for name in sorted(told) if not _is_in_spi(name)] == []


def _is_in_spi(name: str) -> bool:
    import importlib.util

    return hasattr(spi, name) or importlib.util.find_spec(f"hector.spi.{name}") is not None


# ------------------------------------------------------------------------------ giving a law


def marked(id: str = "LLM-999", **changes: Any) -> Callable[..., None]:
    def test_something(self: object) -> None:
        """Something holds. Otherwise it does not."""

    said: dict[str, Any] = {"since": "0.1", "why": "So.", "fix": "Mend it."}
    return law(id, **(said | changes))(test_something)


def test_the_claim_is_the_first_sentence() -> None:
    found = law_of(marked())

    assert found is not None
    assert (found.claim, found.test) == ("Something holds.", "test_something")
    assert (found.suite, found.kind) == ("LLMSuite", "llm")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "LLM-1"}, "'LLM-1' is no id of a law"),
        ({"id": "XYZ-001"}, "'XYZ-001' is no id of a law"),
        ({"since": "1"}, "LLM-999 is since '1', which is no minor version like 0.1"),
        ({"why": " "}, "LLM-999 lacks why"),
        ({"fix": "", "why": ""}, "LLM-999 lacks why and fix"),
        ({"id": "LLM-001"}, "LLM-001 is the law hector.testing.llm_suite.LLMSuite.test_has_names"),
    ],
)
def test_a_law_that_is_none_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        marked(**changes)

    assert words in raised.value.message


def test_a_law_without_a_claim_is_refused() -> None:
    def test_something(self: object) -> None:
        pass

    with pytest.raises(UsageError, match="lacks a docstring with its claim"):
        law("LLM-998", since="0.1", why="So.", fix="Mend it.")(test_something)


# ------------------------------------------------------------------------------ exceptions


class Kept(LLMSuite):
    pass


class Waiving(LLMSuite):
    waived: ClassVar = {"LLM-001": "it has no name"}

    def test_has_names(self) -> None:
        pass


class Overriding(LLMSuite):
    def test_has_names(self) -> None:
        pass


class Removing(VectorStoreSuite):
    test_scores_are_cosines = None  # type: ignore[assignment]


class Inheriting(Overriding):
    waived: ClassVar = {"LLM-999": "unknown", "LLM-002": " "}


def test_a_suite_that_takes_no_exception_or_gives_the_reason_is_right() -> None:
    assert flaws_of_suite(Kept) == flaws_of_suite(Waiving) == []


def test_a_law_is_not_overridden_without_a_reason() -> None:
    words = (
        "Overriding overrides test_has_names, which is the law LLM-001 (A model says its `model` and its "
        "`provider`.) Give the reason: waived = {'LLM-001': ...}"
    )

    assert flaws_of_suite(Overriding) == [words]
    assert [flaw.partition(" (")[0] for flaw in flaws_of_suite(Removing)] == [
        "Removing overrides test_scores_are_cosines, which is the law VEC-004"
    ]
    assert [flaw.partition(" (")[0] for flaw in flaws_of_suite(Inheriting)] == [
        "Inheriting waives LLM-999, which is no law of it",
        "Inheriting waives LLM-002 and gives no reason",
        "Inheriting overrides test_has_names, which is the law LLM-001",
    ]


def test_a_class_has_its_laws_whether_it_overrides_them_or_not() -> None:
    assert laws_of(Kept) == laws_of(Overriding) == laws_of(LLMSuite)
    assert len(laws_of(Kept)) == 11


# ------------------------------------------------------------------------------ versions

MINORS = st.tuples(st.integers(0, 30), st.integers(0, 30))


def written(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@given(MINORS, MINORS)
def test_a_law_warns_only_in_the_version_that_it_is_new_in(
    since: tuple[int, int], kit: tuple[int, int]
) -> None:
    """A kit that is older than a law does not have it released; there it warns, too."""
    is_new = since >= kit and since > (0, 1)

    found = severity_of(written(since), kit=written(kit))

    assert found == ("warning" if is_new else "error")
    assert severity_of(written(since), kit=written(kit), is_strict=True) == "error"


@given(MINORS, MINORS, MINORS)
def test_a_law_that_fails_once_fails_ever_after(
    since: tuple[int, int], earlier: tuple[int, int], later: tuple[int, int]
) -> None:
    earlier, later = min(earlier, later), max(earlier, later)

    if severity_of(written(since), kit=written(earlier)) == "error":
        assert severity_of(written(since), kit=written(later)) == "error"


@given(MINORS)
def test_the_laws_of_the_first_version_fail_at_once(kit: tuple[int, int]) -> None:
    assert severity_of(FIRST_VERSION, kit=written(kit)) == "error"
