"""Sessions as JSON Lines: what one store has, for a file, a backup or another store.

A session is a `session` line (its key, times and state), an `event` line for each event in order, and for every
version of every artifact an `artifact` line with `piece` lines (Base64) behind it; an `end` line says that it is whole.
Each line is an object with a `type`, in ASCII. The same session always gives the same lines.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from hector.errors import SessionError
from hector.message import dump_event
from hector.spi.session import ArtifactSummary, Session, SessionKey, Sessions
from hector.spi.session_rules import session_not_found

__all__ = ["FORMAT", "VERSION", "export_session"]

FORMAT = "hector-sessions"
VERSION = 1

_PAGE = 100
_PIECE_BYTES = 3 * 64 * 1024
"""Of content in a line, whatever pieces the store gives: so that the lines depend on the content alone."""


async def export_session(sessions: Sessions, key: SessionKey) -> AsyncGenerator[str]:
    """The lines of one session, without their line breaks.

    The session is read in pages: what is appended meanwhile is left out, with its state and artifacts.

    Raises:
        SessionNotFoundError: there is none.
        SessionError: it could not be read, or was deleted meanwhile; the lines lack their `end` then.
    """
    session = await sessions.load(key, limit=_PAGE)
    if session is None:
        raise session_not_found(key)
    yield _line(_header(session))
    async with aclosing(_events(sessions, session)) as events:
        async for line in events:
            yield line
    versions = 0
    for name in sorted(session.artifacts):
        newest = session.artifacts[name].version
        there = await sessions.list_artifacts(key, name=name)
        if len(there) < newest:
            raise _deleted(key)
        for summary in there[:newest]:
            versions += 1
            async with aclosing(_artifact(sessions, key, summary)) as lines:
                async for line in lines:
                    yield line
    yield _line({"type": "end", "id": key.id, "events": session.head, "artifacts": versions})


def _header(session: Session) -> dict[str, Any]:
    return {
        "type": "session",
        "format": FORMAT,
        "version": VERSION,
        "app": session.key.app,
        "user": session.key.user,
        "id": session.key.id,
        "head": session.head,
        "created_at": float(session.created_at),
        "updated_at": float(session.updated_at),
        # Some databases keep the order of an object's keys, others do not.
        "state": json.loads(json.dumps(session.state, sort_keys=True)),
    }


async def _events(sessions: Sessions, first: Session) -> AsyncGenerator[str]:
    page, sequence = first, 0
    while True:
        for event in page.events:
            if event.sequence is None or event.sequence > first.head:
                break
            sequence = event.sequence
            yield f'{{"type":"event","event":{dump_event(event)}}}'
        if sequence >= first.head:
            return
        limit = min(_PAGE, first.head - sequence)
        again = await sessions.load(first.key, after=sequence, limit=limit)
        if again is None or again.created_at != first.created_at or not again.events:
            raise _deleted(first.key)
        page = again


def _deleted(key: SessionKey) -> SessionError:
    return SessionError(
        f"session `{key.id}` was deleted while it was exported", hint="export what there is now"
    )


async def _artifact(
    sessions: Sessions, key: SessionKey, summary: ArtifactSummary
) -> AsyncGenerator[str]:
    yield _line(
        {
            "type": "artifact",
            "name": summary.name,
            "version": summary.version,
            "media_type": summary.media_type,
            "size_bytes": summary.size_bytes,
            "created_at": float(summary.created_at),
        }
    )
    pieces = sessions.stream_artifact(key, summary.name, version=summary.version)
    async with aclosing(cast("AsyncGenerator[bytes]", pieces)):
        async for piece in _evenly(pieces):
            yield _line({"type": "piece", "data": base64.b64encode(piece).decode("ascii")})


async def _evenly(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    kept = bytearray()
    async for piece in pieces:
        kept += piece
        while len(kept) >= _PIECE_BYTES:
            yield bytes(kept[:_PIECE_BYTES])
            del kept[:_PIECE_BYTES]
    if kept:
        yield bytes(kept)


def _line(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
