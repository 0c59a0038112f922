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
from hector.spi.session_artifacts import (
    PIECE_BYTES,
    check_versions,
    size_of,
    staged_is_gone,
)
from hector.spi.session_rules import artifact_not_found
from hector.spi.session_stores.rows import bounded
from hector.spi.session_stores.staging import Found, content_of

__all__ = [
    "check_newest",
    "find",
    "insert_artifact",
    "list_artifacts",
    "newest_artifacts",
    "read_piece",
]


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
                (content_of(draft.data), session, draft.data.size_bytes),
            ).fetchall()
            if not rows:
                raise staged_is_gone(draft.data)


def insert_artifact(
    connection: sqlite3.Connection, session: int, draft: ArtifactDraft, now: float
) -> None:
    """Insert a version that `check_newest` let through."""
    data = draft.data
    content = content_of(data) if isinstance(data, StagedBytes) else None
    if content is not None:
        connection.execute("UPDATE contents SET is_named = 1 WHERE content = ?", (content,))
    connection.execute(
        "INSERT INTO artifacts (session, name, version, media_type, size_bytes, created_at,"
        " content, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            draft.name,
            draft.version,
            draft.media_type,
            size_of(draft),
            now if draft.created_at is None else draft.created_at,
            content,
            None if isinstance(data, StagedBytes) else data,
        ),
    )


# ------------------------------------------------------------------------------------ reading


def find(connection: sqlite3.Connection, key: SessionKey, name: str, version: int | None) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    rows = connection.execute(
        "SELECT artifacts.session, artifacts.content, blob, name, version, media_type,"
        " artifacts.size_bytes, artifacts.created_at"
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " LEFT JOIN contents ON contents.content = artifacts.content"
        " WHERE app = ? AND user = ? AND id = ? AND name = ? AND (?5 IS NULL OR version = ?5)"
        " ORDER BY version DESC LIMIT 1",
        (key.app, key.user, key.id, name, None if version is None else bounded(version)),
    ).fetchall()
    if not rows:
        raise artifact_not_found(key, name, version)
    session, content, blob, *summary = rows[0]
    return Found(session, _summary(*summary), content, blob)


def read_piece(connection: sqlite3.Connection, key: SessionKey, found: Found, number: int) -> bytes:
    """The piece of that number, from 0 on; empty behind the last. Raises `ArtifactNotFoundError`."""
    summary = found.summary
    if number * PIECE_BYTES >= summary.size_bytes:
        return b""
    if found.content is None:
        rows: list[tuple[bytes]] = connection.execute(
            "SELECT substr(data, ?, ?) FROM artifacts"
            " WHERE session = ? AND name = ? AND version = ?",
            (
                number * PIECE_BYTES + 1, PIECE_BYTES, found.session, summary.name, summary.version
            ),
        ).fetchall()  # fmt: skip
    else:
        rows = connection.execute(
            "SELECT data FROM pieces WHERE content = ? AND number = ?", (found.content, number)
        ).fetchall()
    if not rows:
        raise artifact_not_found(key, summary.name, summary.version)
    return rows[0][0]


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
