"""Chunks along the structure of a text: headings, paragraphs and fenced code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from hector.spi import Chunk, Document
from hector_std.chunkers.spans import Span, SpanText, chunks_of, fits, pack, split

__all__ = ["SemanticChunker"]

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\n?\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\n?\Z")


@attrs.frozen
class _Section:
    """A heading and what stands under it until the next one."""

    trail: tuple[str, ...]
    blocks: list[Span]

    @property
    def start(self) -> int:
        return self.blocks[0].start

    @property
    def end(self) -> int:
        return self.blocks[-1].end


@attrs.frozen
class SemanticChunker:
    """Sections of Markdown-like text, cut between paragraphs where they are longer than `size`.

    A heading stays with what follows it. Fenced code is kept whole unless it alone is longer than
    `size`; then, as with a paragraph that long, it is cut between lines. A section of fewer than
    `min_size` characters is joined with the next one if both fit; its heading is then what both
    stand under. Text without any structure is cut between paragraphs and lines.
    """

    size: int
    min_size: int

    def chunk(self, document: Document) -> Iterable[Chunk]:
        """See `Chunker`."""
        text = SpanText(document.text)
        sections = self._joined(text, list(_sections(text)))
        return chunks_of(text, (span for item in sections for span in self._cut(text, item)))

    def _joined(self, text: SpanText, sections: list[_Section]) -> Iterator[_Section]:
        current: _Section | None = None
        for section in sections:
            if current is None:
                current = section
            elif text.length(current.start, current.end) < self.min_size and fits(
                text, current.start, section.end, self.size
            ):
                trail = _common(current.trail, section.trail)
                current = _Section(trail, [*current.blocks, *section.blocks])
            else:
                yield current
                current = section
        if current is not None:
            yield current

    def _cut(self, text: SpanText, section: _Section) -> Iterator[Span]:
        heading = " > ".join(section.trail)
        pieces = [piece for block in section.blocks for piece in self._pieces(text, block)]
        for span in pack(text, pieces, self.size):
            yield attrs.evolve(span, heading=heading)

    def _pieces(self, text: SpanText, block: Span) -> Iterator[Span]:
        if fits(text, block.start, block.end, self.size):
            yield block
            return
        lines = [
            Span(block.start + line.start, block.start + line.end)
            for line in SpanText(text.text[block.start : block.end]).lines()
        ]
        yield from pack(
            text, (part for line in lines for part in split(text, line, self.size)), self.size
        )


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    shared: list[str] = []
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        shared.append(one)
    return tuple(shared)


def _sections(text: SpanText) -> Iterator[_Section]:
    """Sections in order; together they hold the whole text."""
    trail: list[tuple[int, str]] = []
    section: _Section | None = None
    for block, level, title in _blocks(text):
        if level:
            trail = [*(item for item in trail if item[0] < level), (level, title)]
            if section is not None:
                yield section
            section = _Section(tuple(name for _, name in trail if name), [block])
        elif section is None:
            section = _Section((), [block])
        elif (
            len(section.blocks) == 1
            and text.text[section.start : block.start].strip()
            and _is_heading(text, section)
        ):
            # The first block joins its heading, so that no cut falls between the two.
            section.blocks[0] = Span(section.start, block.end)
        else:
            section.blocks.append(block)
    if section is not None:
        yield section


def _is_heading(text: SpanText, section: _Section) -> bool:
    lines = text.text[section.start : section.end].strip("\n").split("\n")
    return bool(section.trail) and len(lines) <= 2


def _blocks(text: SpanText) -> Iterator[tuple[Span, int, str]]:
    """Paragraphs and fences with level 0, headings with level and title; nothing is left out."""
    start, fence = 0, ""
    lines = text.lines()
    for index, line in enumerate(lines):
        content = text.text[line.start : line.end]
        if fence:
            if _closes(content, fence):
                yield Span(start, line.end), 0, ""
                start, fence = line.end, ""
        elif match := _FENCE.match(content):
            if line.start > start:
                yield Span(start, line.start), 0, ""
            start, fence = line.start, match[1]
        elif heading := _HEADING.match(content):
            if line.start > start:
                yield Span(start, line.start), 0, ""
            yield Span(line.start, line.end), len(heading[1]), heading[2].strip()
            start = line.end
        elif (under := _UNDERLINE.match(content)) and _stands_alone(text, lines, index, start):
            before = lines[index - 1]
            if before.start > start:
                yield Span(start, before.start), 0, ""
            title = text.text[before.start : before.end].strip()
            yield Span(before.start, line.end), 1 if under[1][0] == "=" else 2, title
            start = line.end
        elif not content.strip() and text.text[start : line.start].strip():
            yield Span(start, line.end), 0, ""
            start = line.end
    if start < len(text.text):
        yield Span(start, len(text.text)), 0, ""


def _closes(content: str, fence: str) -> bool:
    match = _FENCE.match(content)
    return bool(match and match[1].startswith(fence) and not match[2].strip())


def _stands_alone(text: SpanText, lines: list[Span], index: int, start: int) -> bool:
    """Whether the line before is a paragraph by itself, so that underlined it is a heading."""
    if index == 0 or lines[index - 1].start < start:
        return False
    before = lines[index - 1]
    paragraph = text.text[start : before.end]
    return paragraph.strip() != "" and "\n" not in paragraph.strip()
