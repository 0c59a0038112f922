"""Words are compared in one form, whatever the language and however they are spelt."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.spi.words import MAXIMUM_WORD_LENGTH, query_words, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The houses' KEYS", ["the", "hous", "key"]),
        ("Größe, GROSSE", ["gross", "gross"]),
        ("snake_case x86-64 3.11", ["snak", "cas", "x86", "64", "3", "11"]),
        ("東京 へ", ["東", "京", "東京", "へ"]),
        ("AI時代", ["ai", "時", "代", "時代"]),
        ("हिन्दी", ["हिन्दी"]),
        ("ที่นี่", ["ที่", "นี่", "ที่นี่"]),
        ("мой дом", ["мои", "дом"]),
        ("مَرْحَبًا", ["مرحبا"]),
        ("ﬁne 𝐟𝐢𝐧𝐞 FINE", ["fin", "fin", "fin"]),  # noqa: RUF001
        ("…—*", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_a_question_leaves_out_what_says_nothing() -> None:
    """Unless nothing else is left; letters of scripts without spaces only count alone."""
    assert query_words("Where is the blue house, the BLUE one?") == ["blu", "hous"]
    assert query_words("to be or not to be") == ["to", "be", "or", "not"]
    assert query_words("東京 猫") == ["東京", "猫"]


@given(st.text())
def test_any_text_has_words_that_can_be_stored(text: str) -> None:
    """None empty or overlong, none with white space or a colon, all of them valid UTF-8."""
    for word in words(text):
        assert 0 < len(word) <= MAXIMUM_WORD_LENGTH
        assert not any(
            character.isspace() or character in ":\0" or unicodedata.category(character)[0] in "PZC"
            for character in word
        )
        word.encode()


@given(st.text())
def test_a_question_finds_its_own_text(text: str) -> None:
    """All that is asked for is among the words of the same text, in either case and composition."""
    found = set(words(text))
    assert set(query_words(text)) <= found
    assert set(words(unicodedata.normalize("NFD", text))) == found
