"""A session as people and programs read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from hector.cli.session_database import plain, shown_time
from hector.message import (
    Actions,
    DataPart,
    Event,
    Part,
    TextPart,
    ToolCall,
    ToolResult,
    event_to_json,
)
from hector.spi import Session

__all__ = ["event_line", "session_json", "session_lines"]

_WIDTH = 160
"""Characters of what an event says in its line."""


def session_json(session: Session) -> dict[str, Any]:
    """All that was loaded."""
    return {
        "app": session.key.app,
        "user": session.key.user,
        "id": session.key.id,
        "head": session.head,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "state": session.state,
        "artifacts": [attrs.asdict(item) for item in session.artifacts.values()],
        "events": [event_to_json(event) for event in session.events],
    }


def session_lines(session: Session) -> Iterator[str]:
    """Whose it is, then state, artifacts and a line for each event."""
    yield f"session  {plain(session.key.id)}"
    yield f"app      {plain(session.key.app)}"
    yield f"user     {plain(session.key.user)}"
    yield f"created  {shown_time(session.created_at)}"
    yield f"used     {shown_time(session.updated_at)}"
    if session.state:
        yield "state"
        for key in sorted(session.state):
            yield f"  {plain(key)} = {_short(json.dumps(session.state[key]))}"
    if session.artifacts:
        yield "artifacts"
        for it in session.artifacts.values():
            media_type = plain(it.media_type)
            yield f"  {plain(it.name)}  version {it.version}, {media_type}, {it.size_bytes:,} bytes"
    left_out = session.head - len(session.events)
    yield f"events   {session.head}" + (f", the first {left_out} not shown" if left_out else "")
    for event in session.events:
        yield f"  {event_line(event)}".rstrip()


def event_line(event: Event) -> str:
    """When it was, who, and what."""
    place = f"{event.sequence}  {shown_time(event.timestamp)}  {plain(event.author)}  {event.kind}"
    return f"{place}  {_short(_said(event))}"


def _said(event: Event) -> str:
    if event.outcome is not None:
        failure = event.failure
        return event.outcome + (f": [{failure.code}] {failure.message}" if failure else "")
    if event.decision is not None:
        by = f" by {event.decision.by}" if event.decision.by else ""
        reason = f": {event.decision.reason}" if event.decision.reason else ""
        return f"{event.decision.choice} {event.decision.call_id}{by}{reason}"
    said = [text for part in event.parts if (text := _part(part))]
    actions = event.actions or Actions()
    said += [
        f"{key} deleted" if value is None else f"{key} = {json.dumps(value)}"
        for key, value in actions.state_delta.items()
    ]
    said += [f"saved {name} version {version}" for name, version in actions.artifact_delta.items()]
    return " · ".join(said)


def _part(part: Part) -> str:
    match part:
        case TextPart(text=text):
            return text
        case DataPart(value=data):
            return json.dumps(data)
        case ToolCall(name=name, arguments=arguments):
            return f"{name}({json.dumps(arguments)})"
        case ToolResult(content=content, is_error=is_error):
            told = " ".join(_part(item) for item in content)
            return f"failed: {told}" if is_error else told
        case _:
            return f"<{type(part).__name__}>"


def _short(text: str) -> str:
    line = plain(" ".join(text[: 4 * _WIDTH].split()))
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
