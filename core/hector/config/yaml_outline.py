"""Reading a YAML config again: only the entries whose lines changed are parsed.

A text that was parsed is cut into pieces at the keys of its outermost map and at the entries of its sections. Of the
next text, the pieces that are still there at its beginning and at its end keep their nodes; what lies between is
parsed by itself. That gives what parsing the whole would give, because of what block mappings are: a line whose key
stands in the column of its map ends whatever was open before it, unless a quote or a bracket was, and then the pieces
before or after would not have been complete by themselves. Wherever that is not certain (anchors, tags, markers of
documents, keys in odd places, problems of any kind) there are no pieces, and the whole is parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from hector.config.node import Node
from hector.config.pace import give_way

__all__ = [
    "Outline",
    "Piece",
    "Region",
    "changed_region",
    "lines_of",
    "outline",
    "pieces_of",
    "shifted",
]

_OTHER_BREAKS = ("\r", "\x85", "\u2028", "\u2029", "\ufeff")


@attrs.frozen
class Piece:
    """Some lines of a text.

    Attributes:
        text: the lines, from the one with the key to before the next piece.
        lines: how many breaks it has.
        section: the key of the outermost map.
        entry: the name of the entry; None for a whole section, or for the head of one whose entries follow.
        column: 0-based column of the key.
    """

    text: str = attrs.field(repr=False)
    lines: int
    section: str
    entry: str | None
    column: int


@attrs.frozen
class Outline:
    """The pieces of a text.

    Attributes:
        head: what stands before the first key.
        pieces: the rest, in order.
    """

    head: str = attrs.field(repr=False)
    pieces: Sequence[Piece]


@attrs.frozen
class Region:
    """What changed.

    Attributes:
        start, end: the pieces that are gone.
        text: what stands in their place.
        first_line: 0-based line where it begins.
        moved_by: how many lines further down the pieces after it are.
        section: the section whose entries they are, or None if whole sections changed.
        column: 0-based column of the keys.
        is_last: whether nothing after it changed.
    """

    start: int
    end: int
    text: str = attrs.field(repr=False)
    first_line: int
    moved_by: int
    section: str | None
    column: int
    is_last: bool


def outline(text: str, root: Node, blocks: set[str]) -> Outline | None:
    """Cut a text into pieces, or None where that is not certain.

    Args:
        text: parsed without problems, without anchors, tags and merges, with its outermost map in block style.
        root: its tree.
        blocks: the keys of the outermost map whose value is a map in block style.
    """
    if any(mark in text for mark in _OTHER_BREAKS) or not root.entries or text.startswith("%"):
        return None
    first = next(iter(root.entries.values())).key_line
    if first is None:
        return None
    lines = lines_of(text)
    head = "".join(lines[: first - 1])
    if has_marks(text, len(head)):
        return None
    pieces = pieces_of(lines, root, blocks, column=0, section=None)
    return None if pieces is None else Outline(head, pieces)


def lines_of(text: str) -> list[str]:
    """The lines with their breaks, which are line feeds: `splitlines` knows some that YAML does not."""
    *whole, last = text.split("\n")
    lines = [f"{line}\n" for line in whole]
    return [*lines, last] if last else lines


def has_marks(text: str, position: int = 0) -> bool:
    """Whether a line from here on may begin or end a document, or be a directive."""
    return any(
        text.startswith(mark, position) or text.find(f"\n{mark}", position) != -1
        for mark in ("---", "...", "%")
    )


def pieces_of(
    lines: Sequence[str], root: Node, blocks: set[str], *, column: int, section: str | None
) -> list[Piece] | None:
    """The pieces of some lines, or None.

    Args:
        lines: with their breaks; the first key may stand further down.
        root: the map they were parsed to, whose places count from these lines.
        blocks: see `outline`.
        column: 0-based column of its keys.
        section: the section whose entries the keys are; None for the outermost map.
    """
    starts: list[tuple[int, str, str | None, int]] = []
    for key, node in root.entries.items():
        give_way()
        starts.append((node.key_line or 0, section or key, key if section else None, column))
        if (node.key_column or 0) - 1 != column:
            return None
        if section is None and key in blocks and node.entries:
            inner = (next(iter(node.entries.values())).key_column or 0) - 1
            for name, item in node.entries.items():
                if (item.key_column or 0) - 1 != inner:
                    return None
                starts.append((item.key_line or 0, key, name, inner))
    pieces: list[Piece] = []
    for index, (line, place, entry, indent) in enumerate(starts):
        end = starts[index + 1][0] - 1 if index + 1 < len(starts) else len(lines)
        if not 0 < line <= end or lines[line - 1][:indent].strip(" "):
            return None
        body = lines[line - 1 : end]
        pieces.append(
            Piece("".join(body), sum(item.endswith("\n") for item in body), place, entry, indent)
        )
    return pieces


def changed_region(known: Outline, text: str) -> Region | None:
    """The first place where a text is not as it was, or None if that is nowhere, or is not certain."""
    pieces, count = known.pieces, len(known.pieces)
    if any(mark in text for mark in _OTHER_BREAKS) or not text.startswith(known.head):
        return None
    position, start = len(known.head), 0
    while start < count and text.startswith(pieces[start].text, position):
        position += len(pieces[start].text)
        start += 1
        if not start % 64:
            give_way()
    end, limit = count, len(text)
    while end > start and text.endswith(pieces[end - 1].text, position, limit):
        limit -= len(pieces[end - 1].text)
        end -= 1
        if not end % 64:
            give_way()
    for index in range(start + 1, min(start + 3, end)):
        # More than one place changed: what stands unchanged between them is found again.
        found = text.find(pieces[index].text, position, limit)
        if found > position and (region := _region(known, text, start, index, found)) is not None:
            return region
    return _region(known, text, start, end, limit, is_last=True)


def _region(
    known: Outline, text: str, start: int, end: int, limit: int, *, is_last: bool = False
) -> Region | None:
    """The region for some pieces that gave way to what ends at `limit`; wider if it must be."""
    pieces = known.pieces
    position = len(known.head) + sum(len(piece.text) for piece in pieces[:start])
    if start == end or not _begins_with_key(text, position, pieces[start].column):
        start -= 1  # what was inserted may belong to the piece before it
    start = max(start, 0)
    if start == end:  # in front of the first
        return None
    start, wider, section = _whole(pieces, start, end)
    if wider != end:
        if not is_last:
            return None
        limit += sum(len(piece.text) for piece in pieces[end:wider])
    position = len(known.head) + sum(len(piece.text) for piece in pieces[:start])
    if limit <= position or (limit < len(text) and text[limit - 1] != "\n"):
        return None
    body, column = text[position:limit], pieces[start].column
    if not _begins_with_key(text, position, column) or has_marks(body):
        return None
    first_line = known.head.count("\n") + sum(piece.lines for piece in pieces[:start])
    moved_by = body.count("\n") - sum(piece.lines for piece in pieces[start:wider])
    return Region(start, wider, body, first_line, moved_by, section, column, is_last)


def _whole(pieces: Sequence[Piece], start: int, end: int) -> tuple[int, int, str | None]:
    """Widen to pieces that are parsed together: entries of one section, or whole sections."""
    gone = pieces[start:end]
    section = gone[0].section
    if all(piece.entry is not None and piece.section == section for piece in gone):
        return start, end, section
    while start and pieces[start].entry is not None:
        start -= 1
    while end < len(pieces) and pieces[end].entry is not None:
        end += 1
    return start, end, None


def _begins_with_key(text: str, position: int, column: int) -> bool:
    """Whether a line begins here that ends what was open before: its first sign stands in the column of a key."""
    if text[position : position + column].strip(" ") or (position and text[position - 1] != "\n"):
        return False
    return text[position + column : position + column + 1] not in {
        "",
        " ",
        "\n",
        "\t",
        "#",
        "-",
        "?",
        ":",
    }


def shifted(node: Node, lines: int) -> Node:
    """A copy of a tree that stands some lines further down."""
    value: Any = node.value
    if isinstance(value, dict):
        value = {key: shifted(item, lines) for key, item in node.entries.items()}
    elif isinstance(value, list):
        value = [shifted(item, lines) for item in node.items]
    moved = Node(value, node.file, _down(node.line, lines), node.column)
    moved.key_line, moved.key_column = _down(node.key_line, lines), node.key_column
    return moved


def _down(line: int | None, lines: int) -> int | None:
    return None if line is None else line + lines
