"""Which laws a suite breaks, found out in this process."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import pytest

from hector.testing.laws import laws_of, waivers_of

__all__ = ["broken_laws"]


def _forget(_name: str, _value: object) -> None:
    """Nobody reads what is reported."""


def broken_laws(suite: type) -> dict[str, str]:
    """The laws that do not hold on a suite, each with the first line of what was raised.

    Each law is called as pytest calls it, on an instance of its own. Waived ones are not tried.
    """
    found: dict[str, str] = {}
    for id, judged in laws_of(suite).items():
        if id in waivers_of(suite):
            continue
        test = getattr(suite(), judged.test)
        arguments: dict[str, Any] = {}
        if "record_property" in test.__code__.co_varnames[: test.__code__.co_argcount]:
            arguments["record_property"] = _forget
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of what the broken ones leave behind
            try:
                test(**arguments)
            except pytest.skip.Exception:
                continue
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - that is what is asked
                found[id] = f"{type(error).__name__}: {error}".partition("\n")[0]
    return found
