"""Words of a text in any language, as word searches compare them.

Every keyword index that takes its words from here finds the same events for the same question.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from hector.spi.stop_words import STOP_WORDS

__all__ = ["MAXIMUM_WORD_LENGTH", "query_words", "stem", "words"]

MAXIMUM_WORD_LENGTH = 64
"""Characters of a word that count; longer runs are hashes and encoded data."""

_SUFFIXES = (
    ("ization", "iz"), ("isation", "iz"), ("ations", "at"), ("ation", "at"), ("izing", "iz"), ("ising", "iz"),
    ("ments", "ment"), ("nesses", ""), ("ness", ""), ("ingly", ""), ("edly", ""), ("ings", ""), ("ing", ""),
    ("ions", "ion"), ("ies", "y"), ("ied", "y"), ("ers", "er"), ("ed", ""), ("ly", ""), ("es", ""), ("en", ""),
    ("s", ""), ("e", ""),
)  # fmt: skip
_SHORTEST_STEM = 3

# Marks that most people leave out when they ask: accents of Latin, Greek and Cyrillic letters, and the vowel points
# of Hebrew and Arabic. Those of Indic scripts, Thai or kana make another word and stay.
_OPTIONAL_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]")
_UNMARKED_LETTERS = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "œ": "oe", "æ": "ae"}
)
_ASCII_WORD = re.compile(r"[a-z0-9]+")

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Han, kana and their extensions.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029),
    (0x3031, 0x3035), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF),
)  # fmt: skip


def words(text: str) -> list[str]:
    """The words of a text in order, each in the one form that all its spellings share.

    Case, compatibility forms, accents and vowel points make no difference, nor do regular English endings (`stem`).
    Text in scripts that put no spaces between words is cut into letters and overlapping pairs of letters, each letter
    with its marks.

    Args:
        text: any Unicode; what cannot be encoded separates words like a space.

    Returns:
        Words of letters, digits and marks, none empty, each at most `MAXIMUM_WORD_LENGTH` characters.
    """
    return _words(text, has_letters=True)


def query_words(text: str) -> list[str]:
    """The different words of a question, in order; those that say nothing are left out if others remain.

    Of scripts without spaces these are the pairs, and a letter only where it stands alone.
    """
    asked = list(dict.fromkeys(_words(text, has_letters=False)))
    return [word for word in asked if word not in _STOP_STEMS] or asked


def _words(text: str, *, has_letters: bool) -> list[str]:
    if text.isascii():
        return [_cut(word) for word in _ASCII_WORD.findall(text.lower())]
    found: list[str] = []
    for run in _runs(_folded(text)):
        for piece in _pieces(run):
            if not _is_unspaced(piece[0]):
                found.append(_cut(piece))
                continue
            letters = _letters(piece)
            if has_letters or len(letters) == 1:
                found += (letter[:MAXIMUM_WORD_LENGTH] for letter in letters)
            found += (f"{left}{right}"[:MAXIMUM_WORD_LENGTH] for left, right in pairwise(letters))
    return found


@lru_cache(maxsize=16384)
def _cut(word: str) -> str:
    return stem(word[:MAXIMUM_WORD_LENGTH]) if word.isalpha() else word[:MAXIMUM_WORD_LENGTH]


def stem(word: str) -> str:
    """Cut a lower-case word's ending off, by rule: equal stems mean forms of one word, mostly."""
    word = word.removesuffix("'s").removesuffix("’s")  # noqa: RUF001
    for suffix, replacement in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            if suffix == "s" and word.endswith("ss"):
                break
            return _undouble(word[: len(word) - len(suffix)] + replacement)
    return word


def _undouble(word: str) -> str:
    is_double = len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if is_double else word


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = _OPTIONAL_MARKS.sub("", decomposed).translate(_UNMARKED_LETTERS)
    return unicodedata.normalize("NFC", plain)


def _runs(text: str) -> Iterator[str]:
    """What stands between anything but letters, digits and their marks."""
    start: int | None = None
    for at, character in enumerate(text):
        is_inside = character.isalnum() or (
            start is not None and unicodedata.category(character)[0] == "M"
        )
        if is_inside and start is None:
            start = at
        elif not is_inside and start is not None:
            yield text[start:at]
            start = None
    if start is not None:
        yield text[start:]


def _pieces(run: str) -> Iterator[str]:
    """Cut a run where scripts without spaces begin and end."""
    start = 0
    for at in range(1, len(run)):
        if unicodedata.category(run[at])[0] != "M" and _is_unspaced(run[at]) != _is_unspaced(
            run[start]
        ):
            yield run[start:at]
            start = at
    yield run[start:]


def _is_unspaced(character: str) -> bool:
    number = ord(character)
    return number >= 0x0E00 and any(first <= number <= last for first, last in _UNSPACED)


def _letters(piece: str) -> list[str]:
    letters: list[str] = []
    for character in piece:
        if letters and unicodedata.category(character)[0] == "M":
            letters[-1] += character
        else:
            letters.append(character)
    return letters


_STOP_STEMS = frozenset(piece for word in STOP_WORDS for piece in words(word))
