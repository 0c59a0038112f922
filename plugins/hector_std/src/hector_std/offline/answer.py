"""The answer: the best pieces of what was found, with their sources."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hector_std.offline.conversation import Turn
from hector_std.offline.passages import Found, Quotable, read_results
from hector_std.offline.phrases import REAL_MODEL, no_tools, nothing_found, small_talk
from hector_std.offline.ranking import Candidate, Ranking, rank
from hector_std.offline.units import Unit

__all__ = ["compose"]

_ANSWERS_FROM = 0.5
_CLOSEST_FROM = 0.3
"""Coverage of the question that makes a passage an answer, or worth showing."""
_WORTH_OF_BEST = 0.6
_WORTH_OF_DEFINITION = 0.7
_LONG_ANSWER = 1500
"""Characters after which nothing more is added."""
_ALIKE = 0.65
_LEANS_BACK = re.compile(
    r"^(?:it|its|they|their|this|these|those|that|he|she|such|then|otherwise|however|therefore|so"
    r"|both|er|sie|es|dies|diese|dieser|dadurch|dabei)\b"
    r"|\b(?:this|these|those)(?=[.,;:]|\s+(?:by|is|are|in|with|to|for|when|until)\b)",
    re.IGNORECASE,
)
_LONG_REPLY = 2000


def compose(
    turn: Turn, *, has_search: bool, has_tools: bool, passages: int, max_sentences: int
) -> str:
    """Write the answer to a turn.

    Args:
        turn: the question, and what tools said.
        has_search: whether a search was on offer.
        has_tools: whether any tool was on offer.
        passages: how many passages to quote at most.
        max_sentences: how many units to quote at most.
    """
    found = read_results(turn.results)
    if turn.small_talk and not turn.results:
        return small_talk(turn.small_talk, has_search=has_search)
    if not turn.results:
        return no_tools(turn.question, has_tools=has_tools)
    sections = [
        f"The tool `{name}` failed: {text or 'it gave no reason'}" for name, text in found.errors
    ]
    sections += [_reply(turn, name, text, max_sentences) for name, text in found.replies]
    if found.searches:
        sections.append(_from_passages(turn, found, passages, max_sentences))
    elif found.errors and not found.replies:
        sections.append(f"Without it I have nothing to answer from. {REAL_MODEL}")
    return "\n\n".join(sections)


def _from_passages(turn: Turn, found: Found, passages: int, max_sentences: int) -> str:
    ranking = rank(turn.question, turn.topic, found.passages)
    chosen = _choose(ranking, passages, max_sentences)
    if not chosen or ranking.coverage < _CLOSEST_FROM:
        return nothing_found(turn.question, [passage.document for passage in found.passages])
    body = _render(chosen, found.passages)
    if ranking.coverage < _ANSWERS_FROM:
        return f"I found no direct answer. The closest passage says:\n\n{body}"
    return body


def _reply(turn: Turn, name: str, text: str, max_sentences: int) -> str:
    """What another tool or agent said: whole if short, else its best pieces."""
    speaker = name.removeprefix("agent_call_")
    lead = f"{speaker} answers" if speaker != name else f"The tool `{name}` returned"
    if not text:
        return f"{lead} nothing."
    if len(text) > _LONG_REPLY:
        passage = Quotable(text=text, document=name)
        chosen = _choose(rank(turn.question, turn.topic, [passage]), 1, max_sentences)
        if chosen:
            return f"From what `{name}` returned:\n\n{_render(chosen, [passage])}"
        cut = text[:_LONG_REPLY].rsplit("\n", 1)[0]
        return f"{lead} {len(text)} characters, which begin:\n\n{_block(cut)}"
    if "\n" in text and speaker == name:
        return f"{lead}:\n\n{_block(text)}"
    return f"{lead}:\n\n{text}" if speaker != name else f"{lead}: {text}"


def _block(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _choose(ranking: Ranking, passages: int, max_sentences: int) -> list[Candidate]:
    """The units to quote: the best one, then others worth it, each with what it leans on."""
    order = ranking.best_first
    worth = _WORTH_OF_DEFINITION if ranking.is_definition else _WORTH_OF_BEST
    chosen: list[Candidate] = []
    for candidate in order:
        is_long = sum(len(item.unit.text) for item in chosen) > _LONG_ANSWER
        if is_long or candidate.score < worth * order[0].score:
            break
        group = [item for item in _with_companions(candidate, ranking) if item not in chosen]
        if candidate in chosen or any(_alike(candidate, other) for other in chosen):
            continue
        if len(chosen) + len(group) > max_sentences:
            group = [candidate] if not chosen else []
        used = {item.passage for item in chosen} | {candidate.passage}
        if len(used) <= passages:
            chosen += group
    return chosen


def _alike(left: Candidate, right: Candidate) -> bool:
    union = left.stems | right.stems
    return len(left.stems & right.stems) >= _ALIKE * len(union)


def _with_companions(candidate: Candidate, ranking: Ranking) -> list[Candidate]:
    """The unit, and what stands directly before or after it and makes it readable."""
    around = {
        item.unit.position: item for item in ranking.candidates if item.passage == candidate.passage
    }
    group = [candidate]
    before = around.get(candidate.unit.position - 1)
    while before and _needs(before.unit, group[0].unit):
        group.insert(0, before)
        before = around.get(before.unit.position - 1)
    after = around.get(candidate.unit.position + 1)
    if after and candidate.unit.kind == "sentence" and candidate.unit.text.endswith(":"):
        group.append(after)
    return group


def _needs(before: Unit, unit: Unit) -> bool:
    if unit.kind != "sentence":
        leads_in = before.kind == "sentence" and before.text.rstrip("*_").endswith(":")
        return leads_in and before.paragraph == unit.paragraph - 1
    is_same_paragraph = before.paragraph == unit.paragraph
    return is_same_paragraph and bool(_LEANS_BACK.search(unit.text))


def _render(chosen: Sequence[Candidate], passages: Sequence[Quotable]) -> str:
    """Quotes by passage, that of the best unit first, in reading order, then the sources."""
    order = list(dict.fromkeys(item.passage for item in chosen))
    sections: list[str] = []
    for number, index in enumerate(order, start=1):
        units = sorted(
            (item.unit for item in chosen if item.passage == index), key=lambda unit: unit.position
        )
        heading = passages[index].heading.rsplit(" > ", 1)[-1]
        sections.append(_quote(units, heading, f"[{number}]"))
    sources = [
        f"[{number}] {passages[index].source}" for number, index in enumerate(order, start=1)
    ]
    return "\n\n".join([*sections, "Sources:\n" + "\n".join(sources)])


def _quote(units: Sequence[Unit], heading: str, mark: str) -> str:
    """Sentences as paragraphs that end with the mark, blocks on lines of their own."""
    paragraphs: list[list[Unit]] = []
    for unit in units:
        if paragraphs and _joins(paragraphs[-1][-1], unit):
            paragraphs[-1].append(unit)
        else:
            paragraphs.append([unit])
    lines: list[str] = []
    is_marked = False
    for paragraph in paragraphs:
        separator = " " if paragraph[0].kind == "sentence" else "\n"
        text = separator.join(unit.text for unit in paragraph)
        if paragraph[0].head:
            text = f"{paragraph[0].head}\n{text}"
        if paragraph[0].kind == "sentence":
            is_marked = True
            lines.append(f"{text} {mark}")
        else:
            lines.append(text if is_marked else f"{_lead(paragraph[0], heading)} {mark}\n\n{text}")
            is_marked = True
    return "\n\n".join(lines)


def _joins(before: Unit, unit: Unit) -> bool:
    if unit.kind != before.kind:
        return False
    is_part = unit.kind in {"item", "row"} and unit.paragraph == before.paragraph
    return unit.kind == "sentence" or is_part


def _lead(unit: Unit, heading: str) -> str:
    kind = {"code": "The example", "item": "The list", "row": "The table"}.get(
        unit.kind, f"The {unit.kind}"
    )
    nearest = unit.heading or heading
    return f'{kind} under "{nearest}":' if nearest else f"{kind} in the document:"
