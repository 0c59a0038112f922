"""Words of a text, reduced so that inflections are equal, and the tokens it counts as."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hector.spi.stop_words import STOP_WORDS
from hector.spi.words import stem

__all__ = ["content_words", "stems", "tokens"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")  # noqa: RUF001
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKEN = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+$")


def tokens(text: str) -> list[str]:
    """Cut `text` into the pieces it is streamed and counted by; joined they are the text.

    A piece is up to eight letters or digits, or one other character, with the white space before
    it: near enough to what models count, and the same everywhere.
    """
    return _TOKEN.findall(text)


def content_words(text: str) -> list[str]:
    """The words but stop words, lower case, in order; all words where there are no others."""
    words = [
        part.casefold().replace("’", "'")  # noqa: RUF001
        for word in _WORD.findall(text)
        for part in _humps(word)
    ]
    content = [word for word in words if word not in STOP_WORDS and not _is_short_form(word)]
    return content or words


def _humps(word: str) -> list[str]:
    """`PluginRecord` is two words, `OpenAI` is one: a hump of two letters is part of a name."""
    parts = _CAMEL.split(word)
    return parts if all(len(part) > 2 for part in parts) else [word]


def _is_short_form(word: str) -> bool:
    return "'" in word and word.split("'", maxsplit=1)[0] in STOP_WORDS


def stems(text: str | Iterable[str]) -> list[str]:
    """Stems of the content words, in order."""
    return [stem(word) for word in (content_words(text) if isinstance(text, str) else text)]
