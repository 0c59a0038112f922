"""What tools found, as passages to quote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from hector.message import DataPart, JSONValue, TextPart, ToolResult

__all__ = ["Found", "Quotable", "read_results"]


@attrs.frozen(kw_only=True)
class Quotable:
    """A passage, and where it stands.

    Attributes:
        text: Markdown or plain text.
        document: what the source is called.
        title, heading: see `hector.spi.Passage`.
        start_line, end_line: 1-based, or 0 when unknown.
        rank: 0-based position in the search's answer.
    """

    text: str
    document: str
    title: str = ""
    heading: str = ""
    start_line: int = 0
    end_line: int = 0
    rank: int = 0

    @property
    def source(self) -> str:
        """Document, heading and lines, for people."""
        parts = [self.document]
        heading = self.heading or (self.title if self.title != self.document else "")
        if heading:
            parts.append(f'"{heading}"')
        if self.start_line:
            has_range = self.end_line > self.start_line
            parts.append(
                f"lines {self.start_line}-{self.end_line}"
                if has_range
                else f"line {self.start_line}"
            )
        return ", ".join(parts)


@attrs.frozen(kw_only=True)
class Found:
    """All that the tools of this turn said.

    Attributes:
        passages: what searches found, best first, no two alike.
        replies: other tools' names with what they said.
        errors: failed tools' names with what they said.
        searches: how many searches answered.
    """

    passages: tuple[Quotable, ...]
    replies: tuple[tuple[str, str], ...]
    errors: tuple[tuple[str, str], ...]
    searches: int


def read_results(results: Sequence[ToolResult]) -> Found:
    """Sort tool results into passages, plain replies and errors."""
    passages: list[Quotable] = []
    replies: list[tuple[str, str]] = []
    errors: list[tuple[str, str]] = []
    searches = 0
    for result in results:
        value = _value(result)
        hits = None if result.is_error else _hits(value)
        if result.is_error:
            errors.append((result.name, _plain(value)))
        elif hits is None:
            replies.append((result.name, _plain(value)))
        else:
            searches += 1
            passages += hits
    unique = {passage.text.strip(): passage for passage in reversed(passages)}
    kept = [passage for passage in passages if unique[passage.text.strip()] is passage]
    return Found(
        passages=tuple(kept), replies=tuple(replies), errors=tuple(errors), searches=searches
    )


def _value(result: ToolResult) -> JSONValue:
    """The result's data; text that is JSON counts as data."""
    data = [part.value for part in result.content if isinstance(part, DataPart)]
    if data:
        return data[0]
    text = "".join(part.text for part in result.content if isinstance(part, TextPart))
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return cast("JSONValue", json.loads(text))
        except ValueError:
            return text
    return text


def _hits(value: JSONValue) -> list[Quotable] | None:
    """The passages of a search's answer, or None if it is something else."""
    if not isinstance(value, Mapping):
        return None
    results = value.get("results")
    if not isinstance(results, Sequence) or isinstance(results, str):
        return None
    entries = [item for item in results if isinstance(item, Mapping)]
    if len(entries) != len(results) or any(
        not isinstance(item.get("content"), str) for item in entries
    ):
        return None
    return [
        _quotable(item, rank) for rank, item in enumerate(entries) if _text(item, "content").strip()
    ]


def _quotable(item: Mapping[str, JSONValue], rank: int) -> Quotable:
    title = _text(item, "title")
    document = _text(item, "document") or _text(item, "document_id") or _text(item, "source")
    return Quotable(
        text=_text(item, "content"),
        document=document or title or _text(item, "store") or "document",
        title=title,
        heading=_text(item, "heading"),
        start_line=_number(item, "start_line"),
        end_line=_number(item, "end_line"),
        rank=rank,
    )


def _text(item: Mapping[str, JSONValue], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _number(item: Mapping[str, JSONValue], key: str) -> int:
    value = item.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _plain(value: JSONValue) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping) and len(value) == 1:
        (only,) = value.values()
        if isinstance(only, str):
            return only.strip()
    return json.dumps(value, ensure_ascii=False, indent=2)
