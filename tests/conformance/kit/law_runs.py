"""Runs suites as pytest would, in this process, and says which laws failed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest

from hector.testing.laws import laws_of

__all__ = ["Broken", "failing_laws"]


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


def failing_laws(suite: type, *, only: str | None = None) -> Mapping[str, str]:
    """What failed of each law that did, by id; a law ends at its first failure.

    Args:
        suite: a test class that needs no fixtures.
        only: id of the one law to run.
    """
    failed: dict[str, str] = {}
    for id, judged in laws_of(suite).items():
        if only in (None, id):
            said = _failure(suite, judged.test)
            if said is not None:
                failed[id] = said
    return failed


def _failure(suite: type, test: str) -> str | None:
    for arguments in _cases(getattr(suite, test)):
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
    """The arguments of each case, as `pytest.mark.parametrize` gives them."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    for combined in itertools.product(*(_named(*mark.args) for mark in marks)):
        yield {name: value for case in combined for name, value in case.items()}


def _named(names: str | Sequence[str], values: Sequence[Any]) -> list[dict[str, Any]]:
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    return [dict(zip(split, value if len(split) > 1 else [value], strict=True)) for value in values]
