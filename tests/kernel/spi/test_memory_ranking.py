"""When looking at the events with rare words is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from hector.spi.memory_ranking import Ranking, rank

WORDS = "abcdef"


def weighted_words(rarity: int) -> st.SearchStrategy[str]:
    """Words of which the first are said far more often than the last."""
    return st.sampled_from(
        [word for place, word in enumerate(WORDS) for _ in range(rarity ** (5 - place))]
    )


SAID = st.integers(1, 3).flatmap(
    lambda rarity: st.lists(
        st.lists(weighted_words(rarity), min_size=1, max_size=12), min_size=1, max_size=60
    )
)


def score(ranking: Ranking, event: Sequence[str]) -> float:
    """As an index counts it."""
    counts = Counter(event)
    return round(sum(ranking.share(word, counts[word], len(event)) for word in ranking.weights), 9)


@given(SAID, st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.integers(1, 12))
def test_events_above_the_bound_are_the_best_of_all(
    said: list[list[str]], asked: list[str], limit: int
) -> None:
    """If enough events with a rare word are above the bound of the others, no other event is among the best."""
    counts = [Counter(event) for event in said]
    found = {word: sum(word in count for count in counts) for word in asked}
    most = {word: max(count[word] for count in counts) for word in asked}
    ranking = rank(asked, found, events=len(said), words=sum(map(len, said)))
    rare = ranking.rarest(found, most, limit)
    others = [word for word in ranking.weights if word not in rare]

    scores = {number: score(ranking, event) for number, event in enumerate(said)}
    among = [number for number in scores if any(word in counts[number] for word in rare)]
    best_among, best = (
        sorted(numbers, key=lambda number: (-scores[number], -number))[:limit]
        for numbers in (among, scores)
    )
    enough = len(best_among) == limit and scores[best_among[-1]] > ranking.bound(others, most)
    if enough:
        assert best_among == best
    assert list(ranking.weights)[: len(rare)] == list(rare)
    if not others:
        assert [number for number in best if scores[number]] == [
            number for number in best_among if scores[number]
        ]


def test_a_common_word_is_not_looked_for() -> None:
    """One rare word that enough events have decides about the best."""
    found, most = {"rare": 20, "common": 5_000}, {"rare": 1, "common": 2}
    ranking = rank(["common", "rare"], found, events=10_000, words=300_000)
    assert ranking.rarest(found, most, 10) == ["rare"]
    assert ranking.rarest(found, most, 21) == ["rare", "common"]
