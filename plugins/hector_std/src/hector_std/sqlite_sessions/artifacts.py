"""Artifacts: rows that name content, which is in the row or in pieces of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hector.spi.session import (
    ArtifactDraft,
    ArtifactSummary,
    SessionKey,
    StagedBytes,
)
from hector.spi.session_artifacts import PIECE_BYTES, check_versions, staged_is_gone
from hector.spi.session_rules import artifact_not_found
from hector_std.sqlite_sessions.places import LARGEST, Places

__all__ = [
    "Doomed",
    "Found",
    "add_piece",
    "begin_content",
    "check_newest",
    "drop_content",
    "find",
    "finish_content",
    "insert_artifact",
    "leave_blobs",
    "list_artifacts",
    "load_artifact",
    "name_blob",
    "newest_artifacts",
    "read_piece",
    "summary_of",
    "sweep",
]

_STAGED_FOR_S = 86_400.0

Found = tuple[int, int, str, int, float, int | None, str | None]
"""session, version, media_type, size_bytes, created_at, content, blob."""

Doomed = tuple[int, str]
"""content, blob: what is to be removed from the store of blobs."""


def check_newest(
    connection: sqlite3.Connection,
    key: SessionKey,
    session: int,
    drafts: Sequence[ArtifactDraft],
) -> None:
    """Refuse versions that do not go on from the stored ones, and staged content that is not there."""
    newest: dict[str, int] = {}
    for name in {draft.name for draft in drafts}:
        ((version,),) = connection.execute(
            "SELECT coalesce(max(version), 0) FROM artifacts WHERE session = ? AND name = ?",
            (session, name),
        ).fetchall()
        newest[name] = version
    check_versions(key, drafts, newest)
    for draft in drafts:
        if isinstance(draft.data, StagedBytes):
            rows = connection.execute(
                "SELECT 1 FROM contents WHERE content = ? AND session = ? AND size_bytes = ?",
                (draft.data.id, session, draft.data.size_bytes),
            ).fetchall()
            if not rows:
                raise staged_is_gone(draft.data)


def insert_artifact(
    connection: sqlite3.Connection, session: int, draft: ArtifactDraft, now: float
) -> None:
    """Insert a version that `check_newest` let through."""
    data = draft.data
    is_staged = isinstance(data, StagedBytes)
    if isinstance(data, StagedBytes):
        connection.execute("UPDATE contents SET is_named = 1 WHERE content = ?", (data.id,))
    connection.execute(
        "INSERT INTO artifacts (session, name, version, media_type, size_bytes, created_at,"
        " content, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            draft.name,
            draft.version,
            draft.media_type,
            data.size_bytes if isinstance(data, StagedBytes) else len(data),
            now if draft.created_at is None else draft.created_at,
            int(data.id) if isinstance(data, StagedBytes) else None,
            None if is_staged else data,
        ),
    )


# ------------------------------------------------------------------------------------ staging


def begin_content(
    connection: sqlite3.Connection, places: Places, key: SessionKey, now: float
) -> int:
    """A new, empty content of a session. Raises `SessionNotFoundError`."""
    session = places.get(connection, key).number
    cursor = connection.execute(
        "INSERT INTO contents (session, size_bytes, staged_at) VALUES (?, -1, ?)", (session, now)
    )
    return cursor.lastrowid or 0


def add_piece(connection: sqlite3.Connection, content: int, number: int, data: bytes) -> None:
    """Add the next piece."""
    connection.execute("INSERT INTO pieces VALUES (?, ?, ?)", (content, number, data))


def finish_content(connection: sqlite3.Connection, content: int, size_bytes: int) -> None:
    """Let appends name it."""
    connection.execute(
        "UPDATE contents SET size_bytes = ? WHERE content = ?", (size_bytes, content)
    )


def drop_content(connection: sqlite3.Connection, content: int) -> None:
    """Remove content that nobody names."""
    connection.execute("DELETE FROM pieces WHERE content = ?", (content,))
    connection.execute("DELETE FROM contents WHERE content = ?", (content,))


def name_blob(connection: sqlite3.Connection, content: int, blob: str) -> None:
    """Note under which id the content will be in the store of blobs, before it is written there."""
    connection.execute("UPDATE contents SET blob = ? WHERE content = ?", (blob, content))


def leave_blobs(connection: sqlite3.Connection, session: int) -> list[Doomed]:
    """Remove a session's content, but for the rows of blobs, which go after the blobs."""
    connection.execute(
        "DELETE FROM pieces WHERE content IN (SELECT content FROM contents WHERE session = ?)",
        (session,),
    )
    connection.execute("DELETE FROM contents WHERE session = ? AND blob IS NULL", (session,))
    return connection.execute(
        "SELECT content, blob FROM contents WHERE session = ?", (session,)
    ).fetchall()


def sweep(connection: sqlite3.Connection, now: float) -> list[Doomed]:
    """Remove content that was staged a day ago and never named, or whose session is gone.

    Returns:
        What is to be removed from the store of blobs; no append can name it any more.
    """
    rows: list[tuple[int]] = connection.execute(
        "SELECT content FROM contents WHERE blob IS NULL AND (is_named = 0 AND staged_at < ?"
        " OR session NOT IN (SELECT key FROM sessions))",
        (now - _STAGED_FOR_S,),
    ).fetchall()
    for (content,) in rows:
        drop_content(connection, content)
    connection.execute(
        "UPDATE contents SET session = 0 WHERE blob IS NOT NULL AND is_named = 0 AND staged_at < ?",
        (now - _STAGED_FOR_S,),
    )
    return connection.execute(
        "SELECT content, blob FROM contents WHERE blob IS NOT NULL"
        " AND session NOT IN (SELECT key FROM sessions)"
    ).fetchall()


# ------------------------------------------------------------------------------------ reading


def find(connection: sqlite3.Connection, key: SessionKey, name: str, version: int | None) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    rows: list[Found] = connection.execute(
        "SELECT artifacts.session, version, media_type, artifacts.size_bytes,"
        " artifacts.created_at, artifacts.content, blob"
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " LEFT JOIN contents ON contents.content = artifacts.content"
        " WHERE app = ? AND user = ? AND id = ? AND name = ? AND (?5 IS NULL OR version = ?5)"
        " ORDER BY version DESC LIMIT 1",
        (key.app, key.user, key.id, name, None if version is None else min(version, LARGEST)),
    ).fetchall()
    if not rows:
        raise artifact_not_found(key, name, version)
    return rows[0]


def read_piece(
    connection: sqlite3.Connection, key: SessionKey, name: str, found: Found, number: int
) -> bytes:
    """The piece of that number, from 0 on; empty behind the last. Raises `ArtifactNotFoundError`."""
    session, version, _, size_bytes, _, content, _ = found
    if number * PIECE_BYTES >= size_bytes and content is None:
        return b""
    if content is None:
        rows: list[tuple[bytes]] = connection.execute(
            "SELECT substr(data, ?, ?) FROM artifacts"
            " WHERE session = ? AND name = ? AND version = ?",
            (number * PIECE_BYTES + 1, PIECE_BYTES, session, name, version),
        ).fetchall()
    else:
        rows = connection.execute(
            "SELECT data FROM pieces WHERE content = ? AND number = ?", (content, number)
        ).fetchall()
        if not rows and number * PIECE_BYTES >= size_bytes:
            return b""
    if not rows:
        raise artifact_not_found(key, name, version)
    return rows[0][0]


def load_artifact(
    connection: sqlite3.Connection, key: SessionKey, name: str, version: int | None
) -> tuple[Found, bytes]:
    """One version, or the newest, with its content unless that is a blob. Raises `ArtifactNotFoundError`."""
    found = find(connection, key, name, version)
    data = bytearray()
    number = 0
    while found[-1] is None and (piece := read_piece(connection, key, name, found, number)):
        data += piece
        number += 1
    return found, bytes(data)


def summary_of(name: str, found: Found) -> ArtifactSummary:
    """What `find` found, said for callers."""
    return _summary(name, *found[1:5])


def list_artifacts(
    connection: sqlite3.Connection, key: SessionKey, name: str | None
) -> Sequence[ArtifactSummary]:
    """The newest versions by name, or all of one."""
    rows = connection.execute(
        "SELECT name, version, media_type, size_bytes, artifacts.created_at"
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " WHERE app = ? AND user = ? AND id = ? AND (?4 IS NULL OR name = ?4)"
        " ORDER BY name, version",
        (key.app, key.user, key.id, name),
    )
    summaries = [_summary(*row) for row in rows]
    if name is not None:
        return tuple(summaries)
    return tuple({summary.name: summary for summary in summaries}.values())


def newest_artifacts(connection: sqlite3.Connection, session: int) -> dict[str, ArtifactSummary]:
    """The newest version of each artifact of a session, by name."""
    rows = connection.execute(
        "SELECT name, max(version), media_type, size_bytes, created_at FROM artifacts"
        " WHERE session = ? GROUP BY name ORDER BY name",
        (session,),
    )
    return {row[0]: _summary(*row) for row in rows}


def _summary(
    name: str, version: int, media_type: str, size_bytes: int, created_at: float
) -> ArtifactSummary:
    return ArtifactSummary(
        name=name,
        version=version,
        media_type=media_type,
        size_bytes=size_bytes,
        created_at=created_at,
    )
