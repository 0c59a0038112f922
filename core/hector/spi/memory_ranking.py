"""BM25 as every keyword index counts it, so that all of them give the same answers.

Stephen Robertson and Hugo Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. The documents are the
events of one user: nothing that others say changes an answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import attrs

__all__ = ["MAXIMUM_LENGTH", "MAXIMUM_WORDS", "MOST_OCCURRENCES", "Ranking", "rank"]

SATURATION = 1.2
"""k1: how soon further occurrences of a word count for less."""

LENGTH_SHARE = 0.75
"""b: how much the length of an event counts."""

MAXIMUM_LENGTH = 4095
"""Words of an event that count as its length."""

MAXIMUM_WORDS = 64
"""Different words of a question that are looked for."""

MOST_OCCURRENCES = 10_000
"""About so many places are weighed. Words that are said that often decide little."""


@attrs.frozen(kw_only=True)
class Ranking:
    """How to weigh the events of one user for one question.

    An event's score is the sum over the words of `weight * n / (n + base + slope * length)`, n being how often the
    event has the word; rounded to 9 digits, so that the order of adding up does not matter.

    Attributes:
        weights: by word, those that are looked for, the rarest first.
        base, slope: see above.
    """

    weights: Mapping[str, float]
    base: float
    slope: float

    def rarest(
        self, found: Mapping[str, int], most: Mapping[str, int], limit: int
    ) -> Sequence[str]:
        """Words that the best events probably have one of: looking at those alone is then enough.

        It is, when at least `limit` of these events have a score above `bound` of the other words
        (the idea of MaxScore: Howard Turtle and James Flood, Query Evaluation: Strategies and
        Optimizations, 1995). Here an event of the usual length is taken for the last of the best.

        Args:
            found: see `rank`.
            most: how often each word is in an event at most.
            limit: how many events are asked for (> 0).
        """
        words = list(self.weights)
        events, score = 0, 0.0
        for number, word in enumerate(words, 1):
            events += found[word]
            if not score and events >= limit:
                score = self.weights[word] / (1 + SATURATION)
            if score and score > self.bound(words[number:], most):
                return words[:number]
        return words

    def bound(self, words: Iterable[str], most: Mapping[str, int]) -> float:
        """What these words together add to an event's score at most, and a little more for rounding."""
        return 1e-6 + sum(self.share(word, most[word], most[word]) for word in words)

    def share(self, word: str, count: int, length: int) -> float:
        """What one word adds to an event's score."""
        return self.weights[word] * count / (count + self.base + self.slope * length)


def rank(asked: Sequence[str], found: Mapping[str, int], *, events: int, words: int) -> Ranking:
    """Choose what to look for.

    Args:
        asked: the words of the question.
        found: in how many of the user's events each word is; absent means in none.
        events: how many events the user's sessions have.
        words: their lengths together.
    """
    counts = {word: found[word] for word in asked[:MAXIMUM_WORDS] if found.get(word)}
    weights: dict[str, float] = {}
    places = 0
    for word in sorted(counts, key=lambda word: (counts[word], word)):
        places += counts[word]
        if weights and places > MOST_OCCURRENCES:
            break
        inverse = math.log(1 + (events - counts[word] + 0.5) / (counts[word] + 0.5))
        weights[word] = inverse * (SATURATION + 1)
    average = words / events if words else 1.0
    return Ranking(
        weights=weights,
        base=SATURATION * (1 - LENGTH_SHARE),
        slope=SATURATION * LENGTH_SHARE / average,
    )
