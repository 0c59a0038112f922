"""The laws of what a memory index finds, and whose it is."""

# asserting is what it is for
from __future__ import annotations

from typing import Final

from hector.spi import MemoryStore, SessionKey
from hector.testing.laws import law, unsupported
from hector.testing.memory_laws import ADA, BOB, MemoryLaws, a_batch, an_entry, places_of
from hector.testing.memory_machine import APP

__all__ = ["MemorySearchLaws"]


_SAID_AND_ASKED: Final = (
    ("I left the KEYS under the mat", "key"),
    ("Das Haus in der Straße", "STRASSE"),
    ("un café crème", "cafe"),
    ("Ёлка в лесу", "елка"),
    ("Ωμέγα και άλφα", "αλφα"),
    ("明日は東京に行きます", "東京"),
    ("猫が好き", "猫"),
    ("오늘은 서울에 간다", "서울에"),
    ("मेरा नाम हिन्दी है", "हिन्दी"),
    ("ฉันไปกรุงเทพ", "กรุงเทพ"),
    ("مَرْحَبًا بكم", "مرحبا"),
    ("שָׁלוֹם עולם", "שלום"),
    ("version 3.11 of x86_64", "x86"),
    ("to be or not to be", "to be"),
)
"""What somebody says in a language, and words of it in another case, form or accent."""

_QUESTIONS: Final = (
    "",
    " ",
    "'",
    '"',
    '" OR "',
    "a* NEAR b",
    "NOT",
    "x:y",
    "(",
    "\0",
    "\ud800",
    "%_",
    "w " * 5000,
)
"""What the languages of search engines would take for more than words."""


class MemorySearchLaws(MemoryLaws):
    """A user finds what was said in sessions of their own, the best first."""

    @law(
        "MEM-009",
        since="0.1",
        why="What one user said is nobody else's to find.",
        fix="Put the user into each question and each key, and delete by user and session.",
    )
    def test_users_and_sessions_are_apart(self) -> None:
        """Users and sessions are apart, and a deletion takes one session of one user."""

        async def scenario(store: MemoryStore) -> None:
            other = SessionKey(APP, "ada", "t")
            said = [an_entry(key, 1, "blue") for key in (ADA, BOB, other)]
            assert await store.apply(a_batch(None, "1", *said))
            assert sorted(await places_of(store, "ada", "blue")) == [("s", 1, "e1"), ("t", 1, "e1")]
            assert await places_of(store, "bob", "blue") == [("s", 1, "e1")]
            assert await places_of(store, "eve", "blue") == []
            assert await store.apply(a_batch("1", "2", an_entry(ADA, 4, "blue"), deleted=[ADA]))
            assert sorted(await places_of(store, "ada", "blue")) == [("s", 4, "e4"), ("t", 1, "e1")]
            assert await places_of(store, "bob", "blue") == [("s", 1, "e1")]

        self.check(scenario)

    @law(
        "MEM-010",
        since="0.1",
        why="Scores that count other users' words tell what these have said.",
        fix="Count words and documents per user; the reference is `hector.spi.memory_ranking`.",
    )
    def test_what_others_say_changes_no_answer(self) -> None:
        """What others say changes no answer, not even its scores."""

        async def scenario(store: MemoryStore) -> None:
            said = [an_entry(ADA, at, f"blue {'red ' * at}") for at in range(1, 6)]
            assert await store.apply(a_batch(None, "1", *said))
            before = await store.find("ada", "blue red", limit=9)
            noise = [an_entry(BOB, at, "blue red " * at) for at in range(1, 40)]
            assert await store.apply(a_batch("1", "2", *noise))
            assert await store.find("ada", "blue red", limit=9) == before
            assert await store.apply(a_batch("2", "3", deleted=[BOB]))
            assert await store.find("ada", "blue red", limit=9) == before

        self.check(scenario)

    @law(
        "MEM-011",
        since="0.1",
        why="Who asks for more gets the same first ones.",
        fix="Order by score and then by what is newest, before cutting.",
    )
    def test_a_limit_cuts_the_same_answer(self) -> None:
        """A limit cuts the same answer, the best first and of equals the newest."""

        async def scenario(store: MemoryStore) -> None:
            said = [an_entry(ADA, at, "blue house") for at in range(1, 30)]
            assert await store.apply(a_batch(None, "1", *said))
            every = await store.find("ada", "blue", limit=100)
            assert len(every) == 29
            assert [match.score for match in every] == sorted(
                (match.score for match in every), reverse=True
            )
            for limit in (1, 7, 29):
                assert await store.find("ada", "blue", limit=limit) == every[:limit]
            if self.is_keyword:
                assert [match.sequence for match in every] == list(range(29, 0, -1))

        self.check(scenario)

    @law(
        "MEM-012",
        since="0.1",
        why="People search in the language they speak.",
        fix="Cut texts and questions with `hector.spi.words`.",
    )
    def test_words_of_any_language_are_found(self) -> None:
        """Words of any language are found, in whatever case and accents, and others are not."""
        if not self.is_keyword:
            unsupported("it does not look for words (`is_keyword` is false)")

        async def scenario(store: MemoryStore) -> None:
            said = [
                an_entry(SessionKey(APP, f"user {number}", "s"), at, words)
                for number, (text, _) in enumerate(_SAID_AND_ASKED)
                for at, words in enumerate(("zzz", text, "yyy"), start=1)
            ]
            assert await store.apply(a_batch(None, "1", *said))
            for number, (text, query) in enumerate(_SAID_AND_ASKED):
                found = await places_of(store, f"user {number}", query)
                assert found == [("s", 2, "e2")], f"asked {query!r} where {text!r} was said"

        self.check(scenario)

    @law(
        "MEM-013",
        since="0.1",
        why="Questions come from people and models; one that is taken for syntax fails or finds too much.",
        fix="Cut the question into words and quote each; never pass it on as it came.",
    )
    def test_any_question_can_be_asked(self) -> None:
        """Any question can be asked, and nothing in it is a command."""

        async def scenario(store: MemoryStore) -> None:
            said = [an_entry(ADA, 1, "the blue house"), an_entry(BOB, 1, "x y a b or near not w")]
            assert await store.apply(a_batch(None, "1", *said))
            for query in _QUESTIONS:
                try:
                    found = await places_of(store, "ada", query)
                except BaseException as error:
                    error.add_note(f"The question was {query!r:.80}.")
                    raise
                assert found == [] or not self.is_keyword, f"asked {query!r:.80}"

        self.check(scenario)
