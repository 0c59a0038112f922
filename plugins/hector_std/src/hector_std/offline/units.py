"""Cutting a passage into what can be quoted by itself: sentences, lists, tables and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import attrs

__all__ = ["Unit", "cut"]

_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)")
_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^\s{0,6}(?:[-*+]|\d{1,3}[.)])\s+\S")
_TABLE = re.compile(r"^\s*\|.*\|\s*$")
_END = re.compile(
    r"""(?<=[.!?])(?P<close>["'”’)\]*_]*)\s+(?=["'“‘(\[*_`]*[A-ZÄÖÜÀ-Þ0-9`])""",  # noqa: RUF001
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs|approx|no|fig|dr|mr|mrs|prof|resp|z\.b|d\.h|bzw|usw|ca|nr|vgl)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
_TERMINAL = re.compile(r"""[.!?:…]["'”’)\]*_`]*$""")  # noqa: RUF001

UnitKind = Literal["sentence", "list", "item", "table", "row", "code"]

_LONGEST_LIST = 700
"""Characters up to which a list or table is one unit; longer ones are cut into items or rows."""


@attrs.frozen(kw_only=True)
class Unit:
    """A piece of a passage.

    Attributes:
        text: as it stands, a sentence on one line; a code block with its fences.
        kind: what it is; an `item` or `row` is part of a long list or table.
        head: for a `row` the table's head, else empty.
        position: 0-based place in the passage.
        heading: the nearest heading inside the passage, or empty.
        paragraph: number of the paragraph; sentences of one paragraph share it.
    """

    text: str
    kind: UnitKind
    position: int
    heading: str
    paragraph: int
    head: str = ""


def cut(text: str) -> list[Unit]:
    """Cut a passage; sentences that its edges cut off are left out unless nothing else is there."""
    units: list[Unit] = []
    fragments: list[Unit] = []
    blocks = list(_blocks(text))
    for number, (block_kind, heading, lines) in enumerate(blocks):
        kind, head, pieces = _pieces(block_kind, lines)
        for index, piece in enumerate(pieces):
            unit = Unit(
                text=piece,
                kind=kind,
                position=len(units) + len(fragments),
                heading=heading,
                paragraph=number,
                head=head,
            )
            is_first = number == 0 and index == 0
            is_last = number == len(blocks) - 1 and index == len(pieces) - 1
            (fragments if _is_fragment(unit, is_first, is_last) else units).append(unit)
    return units or fragments


def _pieces(kind: UnitKind, lines: list[str]) -> tuple[UnitKind, str, list[str]]:
    """What a block is cut into: its kind, the head its pieces need, and the pieces."""
    if kind == "sentence":
        return kind, "", _sentences(" ".join(map(str.strip, lines)))
    whole = "\n".join(lines)
    if kind == "list" and len(whole) > _LONGEST_LIST:
        return "item", "", _items(lines)
    if kind == "table" and len(whole) > _LONGEST_LIST and len(lines) > 3:
        return "row", "\n".join(lines[:2]), lines[2:]
    return kind, "", [whole]


def _items(lines: list[str]) -> list[str]:
    """The items of a list at its outermost level, each with what is nested in it."""
    depth = min(len(line) - len(line.lstrip()) for line in lines if _ITEM.match(line))
    items: list[list[str]] = []
    for line in lines:
        is_outer = _ITEM.match(line) and len(line) - len(line.lstrip()) <= depth
        if is_outer or not items:
            items.append([line])
        else:
            items[-1].append(line)
    return ["\n".join(item).rstrip() for item in items]


def _is_fragment(unit: Unit, is_first: bool, is_last: bool) -> bool:
    if unit.kind != "sentence":
        return False
    starts_inside = is_first and unit.text[0].islower()
    return starts_inside or (is_last and not _TERMINAL.search(unit.text))


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(text):
        end = match.end("close")
        candidate = text[start:end]
        if _ABBREVIATION.search(candidate) or candidate.count("`") % 2:
            continue
        sentences.append(candidate.strip())
        start = match.end()
    rest = text[start:].strip()
    return [*sentences, rest] if rest else sentences


def _blocks(text: str) -> Iterator[tuple[UnitKind, str, list[str]]]:
    """Blocks in order: kind, heading they stand under, lines."""
    heading = ""
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        line = lines[position]
        title = _HEADING.match(line)
        fence = _FENCE.match(line)
        if title:
            heading, position = title[2], position + 1
        elif not line.strip() or re.fullmatch(r"\s*([-*_=]\s*){3,}", line):
            position += 1
        elif fence:
            position, block = _code(lines, position, fence[1])
            yield "code", heading, block
        else:
            kind: UnitKind = (
                "list" if _ITEM.match(line) else "table" if _TABLE.match(line) else "sentence"
            )
            position, block = _run(lines, position, kind)
            yield kind, heading, block


def _code(lines: list[str], start: int, fence: str) -> tuple[int, list[str]]:
    """A fenced block; one that the passage cuts off is closed."""
    end = start + 1
    while end < len(lines) and not lines[end].strip().startswith(fence):
        end += 1
    return end + 1, [*lines[start:end], fence]


def _run(lines: list[str], start: int, kind: UnitKind) -> tuple[int, list[str]]:
    """The lines that belong together, from `start` on."""
    end = start + 1
    while end < len(lines) and _continues(lines, end, kind):
        end += 1
    block = lines[start:end]
    while block and not block[-1].strip():
        block.pop()
    return end, block


def _continues(lines: list[str], position: int, kind: UnitKind) -> bool:
    line = lines[position]
    if _HEADING.match(line) or (_FENCE.match(line) and kind != "list"):
        return False
    if kind == "table":
        return bool(_TABLE.match(line))
    if kind == "list":
        if line.strip():
            is_after_gap = not lines[position - 1].strip()
            return bool(_ITEM.match(line)) or line.startswith("  ") or not is_after_gap
        following = lines[position + 1] if position + 1 < len(lines) else ""
        return bool(_ITEM.match(following)) or (
            following.startswith("  ") and bool(following.strip())
        )
    return bool(line.strip()) and not _ITEM.match(line) and not _TABLE.match(line)
