"""YAML that was read before, with some entries changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from hector.config.node import Node
from hector.config.yaml_format import compose
from hector.config.yaml_outline import (
    Outline,
    Piece,
    Region,
    changed_region,
    lines_of,
    outline,
    pieces_of,
    shifted,
)
from hector.errors import ConfigError, Diagnostic

__all__ = ["KnownYaml", "read_yaml_again"]

_MAX_PLACES: Final = 8  # that changed; beyond these the whole is read


@attrs.frozen
class KnownYaml:
    """A document that was read.

    Attributes:
        root: its tree.
        outline: its pieces, if it can be read in pieces.
        is_exact: whether every place in the tree is right.
    """

    root: Node = attrs.field(repr=False)
    outline: Outline | None = attrs.field(repr=False)
    is_exact: bool


def read_yaml_again(
    text: str, file: str | None, problems: list[Diagnostic], known: KnownYaml | None
) -> KnownYaml:
    """The tree of one YAML document, of which an earlier state was read.

    Entries whose lines did not change are the same nodes as before, whose places may be out of date
    if lines were added or taken away before them.

    Args:
        text: the document.
        file: see `read_yaml`.
        problems: see `read_yaml`.
        known: the earlier state; None to begin.

    Raises:
        ConfigError: as `read_yaml`.
    """
    again = known
    for _ in range(_MAX_PLACES):
        if again is None or again.outline is None:
            break
        region = changed_region(again.outline, text)
        again = None if region is None else _partly(file, again, again.outline, region)
        if again is not None and region is not None and region.is_last:
            return again
    found: list[Diagnostic] = []
    root, composer = compose(text, file, found)
    problems += found
    is_plain = composer.is_plain and not found
    cut = outline(text, root, composer.blocks) if is_plain else None
    return KnownYaml(root, cut, is_exact=True)


def _partly(file: str | None, known: KnownYaml, cut: Outline, region: Region) -> KnownYaml | None:
    """The document with one region read anew."""
    problems: list[Diagnostic] = []
    depth = 0 if region.section is None else 1
    try:
        part, composer = compose(region.text, file, problems, depth, region.first_line)
    except ConfigError:
        return None
    if problems or not composer.is_plain or not part.entries:
        return None
    lines = lines_of(region.text)
    here = shifted_keys(part, -region.first_line)
    fresh = pieces_of(lines, here, composer.blocks, column=region.column, section=region.section)
    if fresh is None:
        return None
    root = _joined(known.root, cut, region, part)
    if root is None:
        return None
    pieces = [*cut.pieces[: region.start], *fresh, *cut.pieces[region.end :]]
    is_exact = known.is_exact and not region.moved_by
    return KnownYaml(root, Outline(cut.head, pieces), is_exact=is_exact)


def _joined(root: Node, cut: Outline, region: Region, part: Node) -> Node | None:
    """The tree with the part in the place of what it replaces; None if a key would be there twice."""
    if region.section is not None:
        section = root.entries[region.section]
        items = _spliced(section, cut, region, part, region.section)
        if items is None:
            return None
        entries = {**root.entries, region.section: section.with_value(items)}
    else:
        spliced = _spliced(root, cut, region, part, None)
        if spliced is None:
            return None
        entries = spliced
    if region.moved_by:
        after = cut.pieces[region.end :]
        in_entries = {piece.section for piece in after if piece.entry is not None}
        for piece in after:
            if piece.entry is None and piece.section not in in_entries:
                entries[piece.section] = shifted(entries[piece.section], region.moved_by)
    return root.with_value(entries)


def _spliced(
    node: Node, cut: Outline, region: Region, part: Node, section: str | None
) -> dict[str, Node] | None:
    def names(pieces: Sequence[Piece]) -> list[str]:
        if section is None:
            return [piece.section for piece in pieces if piece.entry is None]
        return [piece.entry for piece in pieces if piece.section == section and piece.entry]

    before, after = names(cut.pieces[: region.start]), names(cut.pieces[region.end :])
    old = node.entries
    entries = {name: old[name] for name in before} | part.entries
    entries |= {name: old[name] for name in after}
    if len(entries) != len(before) + len(part.entries) + len(after):
        return None
    return entries


def shifted_keys(node: Node, lines: int) -> Node:
    """The outer two levels of a tree with other places of their keys."""

    def at(item: Node) -> Node:
        return item.under_key((item.key_line or 0) + lines, item.key_column)

    return node.with_value(
        {
            key: at(item.with_value({name: at(inner) for name, inner in item.entries.items()}))
            if isinstance(item.value, dict)
            else at(item)
            for key, item in node.entries.items()
        }
    )
