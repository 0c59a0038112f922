"""Which pieces of the passages answer the question best."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import attrs

from hector.spi.words import stem
from hector_std.offline.passages import Quotable
from hector_std.offline.units import Unit, cut
from hector_std.offline.words import content_words, stems

__all__ = ["Candidate", "Ranking", "rank"]

_SATURATION = 1.2
_LENGTH_SHARE = 0.5
_HEADING_SHARE = 0.6
_PAIR_SHARE = 0.35
_OPENING = 1.8
_PREFIX_CREDIT = 0.7
_PREFIX_LENGTH = 5
_VAGUE = (
    "work works happen happens make need want mean way thing question know find see do possible"
    " hector support supports allow actually really exactly machen geht gehen funktioniert"
)
_ACTIONS = (
    "add create write install configure change set run enable build start stop define choose"
    " select open hinzufügen erstellen ändern starten"
)
_WEIGHTS = {
    **dict.fromkeys(stems(_ACTIONS.split()), 0.5),
    **dict.fromkeys(stems(_VAGUE.split()), 0.25),
}
"""Words that say less about a question's subject than their rarity makes believe."""
_DEFINITION = re.compile(
    r"^(?:what|who)(?:'s|\s+(?:is|are|was|were|does|do))\s+(?:an?\s+|the\s+)?(?P<thing>[\w .`-]+?)(?:\s+means?|\s+do)?\W*$"  # noqa: E501
    r"|^(?:was|wer)\s+(?:ist|sind|bedeutet)\s+(?:(?:ein|eine|der|die|das)\s+)?(?P<ding>[\w .`-]+?)\W*$"
    r"|^define\s+(?:an?\s+|the\s+)?(?P<term>[\w .`-]+?)\W*$",
    re.IGNORECASE,
)
_IS = (
    r"(?:\*\*|`|_|\")*s?\s*(?:\([^)]*\)\s*)?"
    r"(?:[:|\u2013\u2014]|\b(?:is|are|means|keeps|turns|ist|sind|bedeutet)\b)"
)
_CUES = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(said, re.IGNORECASE | re.MULTILINE), worth)
    for asked, said, worth in (
    (r"\bhow (?:many|much|long|often|big|large|fast)\b|\bdefault\b|\bport\b|\blimits?\b|\bwie ?viele?\b", r"\d", 1.3),
    (r"\bwhy\b|\bwarum\b|\bwhat for\b", r"\b(?:because|so that|since|therefore|so|weil|damit)\b", 1.3),
    (r"\bhow (?:do|can|to|should|would)\b|\bexample\b|\bwie kann\b", r"```|~~~|^\s*(?:\d+\.|[-*]) |\bwith `|\brun\b|\bset\b", 1.15),  # noqa: E501
    (r"\bwhen\b|\bwann\b", r"\b(?:when|before|after|once|until|while|as soon as|wenn|sobald)\b", 1.15),
    (r"\bwhere\b|\bwo\b", r"\b(?:in|under|at|folder|file|directory|stored|lives?)\b", 1.1),
    )
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Candidate:
    """A unit with what it is worth.

    Attributes:
        passage: index of its passage.
        unit: see `Unit`.
        score: higher is better; 0 when it shares nothing with the question.
        stems: its content words, for comparing it with others.
    """

    passage: int
    unit: Unit
    score: float
    stems: frozenset[str]


@attrs.frozen(kw_only=True)
class Ranking:
    """All units of all passages.

    Attributes:
        candidates: in reading order.
        is_definition: whether the question asks what something is, and the best unit says so.
        coverage: share in [0, 1] of what was asked that the best unit, with its headings, speaks
            of.
    """

    candidates: tuple[Candidate, ...]
    coverage: float
    is_definition: bool = False

    @property
    def best_first(self) -> list[Candidate]:
        """Those with a score, best first; ties in reading order."""
        return sorted(
            (item for item in self.candidates if item.score > 0), key=lambda item: -item.score
        )


def rank(question: str, topic: Sequence[str], passages: Sequence[Quotable]) -> Ranking:
    """Score every unit of the passages against the topic.

    The score is BM25 (Robertson and Zaragoza 2009) over units in place of documents, with k1 = 1.2
    and b = 0.5, plus a share of it for topic words in the headings above a unit and for
    neighbouring topic words, times factors for what the question's form asks for.
    """
    units = [(index, unit) for index, passage in enumerate(passages) for unit in cut(passage.text)]
    words = [stems(unit.text) for _, unit in units]
    above = [
        stems(f"{passages[index].title} {passages[index].heading} {unit.heading}")
        for index, unit in units
    ]
    weights = _weights(topic, words)
    average = sum(map(len, words)) / max(len(words), 1) or 1.0
    definition = _definition(question)
    candidates: list[Candidate] = []
    coverages: list[float] = []
    for (index, unit), text, headings in zip(units, words, above, strict=True):
        score, covered = _score(weights, text, headings, average)
        nearest = unit.heading or passages[index].heading.rsplit(" > ", 1)[-1]
        if definition and unit.position == 0 and weights.keys() <= set(stems(nearest)):
            # The first sentence under a heading that names the thing mostly says what it is.
            score *= _OPENING
        score *= _factor(question, definition, unit) * (1 + 0.2 / (1 + passages[index].rank))
        candidates.append(Candidate(passage=index, unit=unit, score=score, stems=frozenset(text)))
        coverages.append(covered)
    best = max(range(len(candidates)), key=lambda i: candidates[i].score, default=None)
    if best is None:
        return Ranking(candidates=(), coverage=0.0)
    return Ranking(
        candidates=tuple(candidates),
        coverage=coverages[best],
        is_definition=bool(definition and definition.match(candidates[best].unit.text)),
    )


def _weights(topic: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, float]:
    """What each stem of the topic is worth: rare ones more, vague ones little."""
    count = len(words)
    sets = [frozenset(text) for text in words]
    weights: dict[str, float] = {}
    for term in dict.fromkeys(map(stem, topic)):
        frequency = sum(1 for text in sets if _credit(term, text) > 0)
        weight = math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))
        weights[term] = weight * _WEIGHTS.get(term, 1.0)
    return weights


def _credit(term: str, words: frozenset[str]) -> float:
    """1 for the word itself, less for one that begins alike, 0 for none."""
    if term in words:
        return 1.0
    if len(term) < _PREFIX_LENGTH:
        return 0.0
    head = term[: max(_PREFIX_LENGTH, len(term) - 3)]
    return _PREFIX_CREDIT if any(word.startswith(head) for word in words) else 0.0


def _score(
    weights: dict[str, float], text: Sequence[str], headings: Sequence[str], average: float
) -> tuple[float, float]:
    """Score of one unit, and the share of the topic's weight it covers."""
    counts = Counter(text)
    in_text, in_headings = frozenset(text), frozenset(headings)
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * len(text) / average)
    shares = _shares(weights)
    score = covered = above = 0.0
    for term, weight in weights.items():
        direct = _credit(term, in_text)
        heading = _credit(term, in_headings)
        if direct:
            frequency = max(counts[term], 1)
            score += direct * weight * frequency * (_SATURATION + 1) / (frequency + norm)
        above += heading * weight
        covered += max(direct, heading) * shares[term]
    total = sum(weights.values()) or 1.0
    if score:
        score += _HEADING_SHARE * above + _PAIR_SHARE * _pairs(list(weights), text, weights)
    elif above >= total * 0.6:
        # A code block or list under the very heading that was asked for need not repeat its words.
        score = _HEADING_SHARE * above
    return score, covered


def _shares(weights: dict[str, float]) -> dict[str, float]:
    """How much of the question each stem is; evened out, for a rare word is not all of it."""
    highest = max(weights.values(), default=0.0) or 1.0
    evened = {
        term: _WEIGHTS.get(term, 1.0) * (0.5 + 0.5 * min(1.0, weight / highest))
        for term, weight in weights.items()
    }
    total = sum(evened.values()) or 1.0
    return {term: share / total for term, share in evened.items()}


def _pairs(topic: Sequence[str], text: Sequence[str], weights: dict[str, float]) -> float:
    neighbours = set(pairwise(text))
    return sum(
        weights[left] + weights[right]
        for left, right in pairwise(topic)
        if (left, right) in neighbours
    )


def _definition(question: str) -> re.Pattern[str] | None:
    """For `what is X`: how a sentence begins that says so."""
    match = _DEFINITION.match(question.strip())
    if match is None:
        return None
    thing = (match["thing"] or match["ding"] or match["term"]).strip(" `")
    singular = thing.removesuffix("s") if not thing.endswith("ss") else thing
    if not content_words(thing):
        return None
    lead = r"^(?:[-*|]\s+)?(?:an?\s+|the\s+|ein\s+|eine\s+|der\s+|die\s+|das\s+)?(?:\*\*|`|_|\")*"
    return re.compile(lead + re.escape(singular) + _IS, re.IGNORECASE)


def _factor(question: str, definition: re.Pattern[str] | None, unit: Unit) -> float:
    factor = 1.0
    if definition and definition.match(unit.text):
        factor = 1.8
    elif definition and unit.kind == "code":
        factor = 0.5
    for asked, said, worth in _CUES:
        if asked.search(question) and said.search(unit.text):
            factor *= worth
    return factor
