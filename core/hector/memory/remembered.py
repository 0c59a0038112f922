"""What of a session's events the index learns: what people and agents said to each other."""

from __future__ import annotations

from collections.abc import Sequence

from hector.message import Event
from hector.message.event import ISOLATED
from hector.spi import Change, MemoryBatch, MemoryEntry, SessionKey

__all__ = ["distil", "is_remembered"]


def is_remembered(event: Event) -> bool:
    """Whether the event is something that was said in the conversation.

    Tool calls and their results are not, and neither is what an agent that is called as a tool is told and answers:
    that is a conversation among agents, on a branch of its own.
    """
    if event.kind not in ("started", "message") or not event.text.strip():
        return False
    branch = event.branch
    return not branch or not any(part.startswith(ISOLATED) for part in branch.split("/"))


def distil(changes: Sequence[Change], *, after: str | None, cursor: str) -> MemoryBatch:
    """What a page of the feed means to the index."""
    entries: list[MemoryEntry] = []
    deleted: dict[SessionKey, None] = {}
    for change in changes:
        event = change.event
        if event is None:
            deleted[change.key] = None
            entries = [entry for entry in entries if entry.key != change.key]
        elif is_remembered(event):
            entries.append(
                MemoryEntry(
                    key=change.key,
                    sequence=event.sequence or 0,
                    event_id=event.id,
                    text=event.text,
                )
            )
    return MemoryBatch(after=after, cursor=cursor, deleted=tuple(deleted), entries=entries)
