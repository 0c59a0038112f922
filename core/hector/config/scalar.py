"""The type of a bare scalar by the core schema of YAML 1.2 (section 10.3.2 of the specification).

`on`, `off`, `yes` and `no` are strings, as are dates and `1_000`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["Scalar", "resolve_scalar"]

Scalar: TypeAlias = bool | int | float | str | None

_WORDS: Final[dict[str, bool | float | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf",
    ".INF")},
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_STARTS = frozenset("+-.0123456789")
_MAX_DIGITS = 400  # longer is no number anybody counts with, and int() of it is slow


def resolve_scalar(text: str) -> Scalar:
    """The value a bare scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
