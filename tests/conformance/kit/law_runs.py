"""Runs suites as pytest would, in this process, and says which laws failed."""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import Phase, settings

from hector.testing.laws import laws_of, waivers_of

__all__ = ["Broken", "broken_ones", "failing_laws"]

_ENOUGH = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
"""The same examples each time, and an end at the first one that fails: nobody reads the smallest here."""

_FEW = settings(_ENOUGH, max_examples=5, stateful_step_count=10)
"""As many as in the profile `quick`: for the laws that a fault is not about."""


@attrs.frozen
class Broken:
    """A provider with one fault, under the suite of its kind.

    Attributes:
        law: the one that the fault breaks.
        suite: the test class.
        also: laws that try the same with more calls at random, and that see the fault too.
    """

    law: str
    suite: type
    also: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.law}-{self.suite.__name__}"

    def failing(self) -> Mapping[str, str]:
        """What failed of each law that did: its own law with all examples, others with few, `also` not tried."""
        failed = failing_laws(self.suite, only={self.law})
        others = laws_of(self.suite).keys() - self.also - {self.law}
        return {**failed, **failing_laws(self.suite, only=others, profile=_FEW)}


def broken_ones(table: Mapping[str, type]) -> Sequence[Broken]:
    """Of a table of laws with suites that break them."""
    return [Broken(law, suite) for law, suite in table.items()]


def failing_laws(
    suite: type, *, only: Collection[str] | None = None, profile: settings = _ENOUGH
) -> Mapping[str, str]:
    """What failed of each law that did, by id; a law ends at its first failure. Waived ones are not tried.

    Args:
        suite: a test class that needs no fixtures but `record_property`.
        only: ids of the laws to run; None for all.
        profile: what the suite takes its numbers from.
    """
    failed: dict[str, str] = {}
    with _loaded(profile):
        for id, judged in laws_of(suite).items():
            if (only is None or id in only) and id not in waivers_of(suite):
                said = _failure(suite, judged.test)
                if said is not None:
                    failed[id] = said
    return failed


@contextlib.contextmanager
def _loaded(profile: settings) -> Generator[None]:
    before = settings.get_current_profile_name()
    settings.register_profile("broken", profile)
    settings.load_profile("broken")
    try:
        yield
    finally:
        settings.load_profile(before)


def _failure(suite: type, test: str) -> str | None:
    for arguments in _cases(getattr(suite, test)):
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of what the broken ones leave behind
            try:
                getattr(suite(), test)(**arguments)
            except pytest.skip.Exception:
                pass
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - pytest's own outcomes are none of `Exception`
                return f"{arguments}: {error!r}"
    return None


def _cases(test: Any) -> Iterator[dict[str, Any]]:
    """The arguments of each case, as `pytest.mark.parametrize` and pytest's own fixtures give them."""
    code = test.__code__
    needs_record = "record_property" in code.co_varnames[: code.co_argcount]
    given = {"record_property": _forget} if needs_record else {}
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    for combined in itertools.product(*(_named(*mark.args) for mark in marks)):
        yield {**given, **{name: value for case in combined for name, value in case.items()}}


def _forget(_name: str, _value: object) -> None:
    """Nobody reads what is reported."""


def _named(names: str | Sequence[str], values: Sequence[Any]) -> list[dict[str, Any]]:
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    return [dict(zip(split, value if len(split) > 1 else [value], strict=True)) for value in values]
