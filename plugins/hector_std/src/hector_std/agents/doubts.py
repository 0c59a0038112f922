"""Places in an instruction that look as if they were meant to be filled in, and never will be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hector_std.agents.instruction import PLACE

__all__ = ["doubts"]

_WORD = r"[\w.:\-]*[^\W\d][\w.:\-]*"
_LIKELY = re.compile(rf"(?<![${{])\{{(?P<word>{_WORD})(?P<rest>\??[ \t]*)\}}(?!\}})")
_BEGUN = re.compile(rf"(?P<word>{_WORD})\??(?=[\s,;!?)\"'`]|$)")
_PREFIXES = ("app", "user", "temp")

_SYNTAX = "a key is a letter or `_`, then letters, digits and `_`"
_AS_TEXT = "write `{ %s }`, with a space behind the brace, if the text itself is meant"


def doubts(text: str) -> Iterator[tuple[str, str]]:
    """A message and a hint for each place that stands for itself, though it looks like one to be filled in.

    Braces with anything else in them, as in examples of JSON, are no cause for doubt; neither is a space behind the
    opening brace.
    """
    places = {found.start() for found in PLACE.finditer(text)}
    for found in _LIKELY.finditer(text):
        if found.start() not in places:
            yield (
                f"`{found[0]}` is not filled in: {_reason(found['word'], found['rest'])}",
                _AS_TEXT % found["word"],
            )
    for start in _unclosed(text):
        begun = _BEGUN.match(text, start + 1)
        if begun is not None and text[max(start - 1, 0) : start] != "$":
            yield (
                f"`{{{begun[0]}` has no closing brace, so it is not filled in",
                f"write `{{{begun[0]}}}`, or `{{ {begun[0]}` if the text itself is meant",
            )


def _reason(word: str, rest: str) -> str:
    prefix, colon, key = word.partition(":")
    if word == "artifact." or (colon and not key):
        return "no name follows"
    if colon and prefix not in _PREFIXES:
        return f"there is no `{prefix}:`, only `app:`, `user:`, `temp:` and `artifact.name`"
    if rest.endswith((" ", "\t")) and PLACE.fullmatch(f"{{{word}{rest.strip()}}}"):
        return "there is a space before the closing brace"
    return _SYNTAX


def _unclosed(text: str) -> list[int]:
    """Where braces open that nothing closes."""
    opened: list[int] = []
    for found in re.finditer(r"[{}]", text):
        if found[0] == "{":
            opened.append(found.start())
        elif opened:
            opened.pop()
    return opened
