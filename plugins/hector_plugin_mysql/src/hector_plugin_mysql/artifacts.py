"""Artifacts: rows that name content, which is in the row or in pieces of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hector.spi import ArtifactDraft, ArtifactSummary, SessionKey, StagedBytes
from hector.spi.session_artifacts import (
    PIECE_BYTES,
    check_versions,
    size_of,
    staged_is_gone,
)
from hector.spi.session_rules import artifact_not_found, session_not_found
from hector.spi.session_state import is_storable
from hector.spi.session_stores.rows import bounded, identity
from hector.spi.session_stores.staging import Doomed, Found, content_of
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import finite, marks

__all__ = [
    "add_piece",
    "begin_content",
    "check_newest",
    "doom",
    "drop_content",
    "find",
    "finish_content",
    "insert_artifacts",
    "leave_blobs",
    "list_artifacts",
    "name_blob",
    "read_piece",
    "summary_of",
]


async def check_newest(
    connection: MySQLConnection,
    key: SessionKey,
    session: int,
    drafts: Sequence[ArtifactDraft],
) -> None:
    """Refuse versions that do not go on from the stored ones, and staged content that is not there."""
    names = {draft.name.encode() for draft in drafts}
    rows = await connection.fetch(
        "SELECT name, max(version) FROM artifacts"  # noqa: S608 - placeholders
        f" WHERE session = %s AND name IN ({marks(len(names))}) GROUP BY name",
        (session, *names),
    )
    check_versions(key, drafts, {bytes(row[0]).decode(): row[1] for row in rows})
    for draft in drafts:
        staged = draft.data
        if isinstance(staged, StagedBytes) and not await connection.fetch(
            "SELECT 1 FROM contents WHERE content = %s AND session = %s AND size_bytes = %s"
            " FOR UPDATE",
            (content_of(staged), session, staged.size_bytes),
        ):
            raise staged_is_gone(staged)


async def insert_artifacts(
    connection: MySQLConnection, session: int, drafts: Sequence[ArtifactDraft], now: float
) -> None:
    """Insert versions that `check_newest` let through, in the same transaction."""
    for draft in drafts:
        content: int | None = None
        data: bytes | None = None
        if isinstance(draft.data, StagedBytes):
            content = content_of(draft.data)
            await connection.execute(
                "UPDATE contents SET is_named = true WHERE content = %s", (content,)
            )
        elif len(draft.data) > PIECE_BYTES:
            content = await _keep_apart(connection, session, draft.data, now)
        else:
            data = draft.data
        await connection.execute(
            "INSERT INTO artifacts (session, name, version, media_type, size_bytes, created_at,"
            " content, data) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                session,
                draft.name.encode(),
                draft.version,
                draft.media_type.encode(),
                size_of(draft),
                now if draft.created_at is None else finite(draft.created_at),
                content,
                data,
            ),
        )


async def _keep_apart(connection: MySQLConnection, session: int, data: bytes, now: float) -> int:
    content = await connection.insert(
        "INSERT INTO contents (session, size_bytes, staged_at, is_named) VALUES (%s, %s, %s, true)",
        (session, len(data), now),
    )
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = data[start : start + PIECE_BYTES]
        await add_piece(connection, content, number, piece)
    return content


# ------------------------------------------------------------------------------------ content


async def begin_content(connection: MySQLConnection, key: SessionKey, now: float) -> int:
    """A new, empty content of a session. Raises `SessionNotFoundError`."""
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT number FROM sessions WHERE identity = %s", (identity(key),)
        )
        if not rows:
            raise session_not_found(key)
        return await connection.insert(
            "INSERT INTO contents (session, size_bytes, staged_at) VALUES (%s, -1, %s)",
            (rows[0][0], now),
        )


async def name_blob(connection: MySQLConnection, content: int, blob: str) -> None:
    """Note under which id the content will be in the store of blobs."""
    await connection.execute(
        "UPDATE contents SET blob_id = %s WHERE content = %s", (blob.encode(), content)
    )


async def add_piece(connection: MySQLConnection, content: int, number: int, data: bytes) -> None:
    """Add the next piece."""
    await connection.execute("INSERT INTO pieces VALUES (%s, %s, %s)", (content, number, data))


async def finish_content(connection: MySQLConnection, content: int, size_bytes: int) -> bool:
    """Let appends name it; False: it was swept meanwhile."""
    changed = await connection.execute(
        "UPDATE contents SET size_bytes = %s WHERE content = %s AND session <> 0",
        (size_bytes, content),
    )
    return changed > 0


async def drop_content(connection: MySQLConnection, content: int) -> None:
    """Remove the rows of content that no append can name."""
    async with connection.transaction():
        await connection.execute("DELETE FROM contents WHERE content = %s", (content,))
        await connection.execute("DELETE FROM pieces WHERE content = %s", (content,))


async def leave_blobs(connection: MySQLConnection, session: int) -> Sequence[Doomed]:
    """Remove a deleted session's content, but for the rows of blobs, which belong to no session then."""
    await connection.execute(
        "DELETE pieces FROM pieces JOIN contents USING (content) WHERE session = %s", (session,)
    )
    await connection.execute(
        "DELETE FROM contents WHERE session = %s AND blob_id IS NULL", (session,)
    )
    rows = await connection.fetch(
        "SELECT content, blob_id FROM contents WHERE session = %s FOR UPDATE", (session,)
    )
    if rows:
        await connection.execute("UPDATE contents SET session = 0 WHERE session = %s", (session,))
    return [_doomed(row) for row in rows]


async def doom(
    connection: MySQLConnection, before: float, limit: int, with_blobs: bool
) -> Sequence[Doomed]:
    """What is to be removed; from when this returns, no append can name it."""
    rows = await connection.fetch(
        "SELECT content FROM contents WHERE is_named = false AND staged_at < %s AND session <> 0"
        " ORDER BY staged_at LIMIT %s",
        (before, limit),
    )
    for (content,) in rows:
        # One by one, so that each is found by its primary key: whoever names it locks that first, too.
        await connection.execute(
            "UPDATE contents SET session = 0 WHERE content = %s AND is_named = false", (content,)
        )
    rows = await connection.fetch(
        "SELECT content, blob_id FROM contents WHERE session = 0 AND (%s OR blob_id IS NULL)"
        " ORDER BY content LIMIT %s",
        (with_blobs, limit),
    )
    return [_doomed(row) for row in rows]


def _doomed(row: Sequence[Any]) -> Doomed:
    return int(row[0]), None if row[1] is None else bytes(row[1]).decode()


# ------------------------------------------------------------------------------------ reading

_COLUMNS = "name, version, media_type, artifacts.size_bytes, artifacts.created_at"


async def find(
    connection: MySQLConnection, key: SessionKey, name: str, version: int | None
) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    wanted = None if version is None else bounded(version)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, artifacts.session, content, blob_id"  # noqa: S608 - a constant
        " FROM artifacts JOIN sessions ON sessions.number = artifacts.session"
        " LEFT JOIN contents USING (content)"
        " WHERE identity = %s AND name = %s AND (%s IS NULL OR version = %s)"
        " ORDER BY version DESC LIMIT 1",
        (identity(key), name.encode(), wanted, wanted),
    )
    if not rows:
        raise artifact_not_found(key, name, version)
    blob = _doomed(rows[0][6:])[1] if rows[0][6] is not None else None
    return Found(rows[0][5], summary_of(rows[0]), rows[0][6], blob)


async def read_piece(
    connection: MySQLConnection, key: SessionKey, found: Found, number: int
) -> bytes:
    """The piece of that number, from 0 on; empty behind the last. Raises `ArtifactNotFoundError`."""
    summary = found.summary
    if number * PIECE_BYTES >= summary.size_bytes:
        return b""
    if found.content is None:
        rows = await connection.fetch(
            "SELECT data FROM artifacts WHERE session = %s AND name = %s AND version = %s",
            (found.session, summary.name.encode(), summary.version),
        )
    else:
        rows = await connection.fetch(
            "SELECT pieces.data FROM pieces JOIN contents USING (content)"
            " JOIN sessions ON sessions.number = contents.session"
            " WHERE pieces.content = %s AND pieces.number = %s",
            (found.content, number),
        )
    if not rows:
        raise artifact_not_found(key, summary.name, summary.version)
    return bytes(rows[0][0])


async def list_artifacts(
    connection: MySQLConnection, key: SessionKey, name: str | None
) -> Sequence[ArtifactSummary]:
    """The newest versions by name, or all of one."""
    if name is not None and not is_storable(name):
        return ()
    wanted = None if name is None else name.encode()
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM artifacts"  # noqa: S608 - a constant
        " JOIN sessions ON sessions.number = artifacts.session"
        " WHERE identity = %s AND (%s IS NULL OR name = %s) ORDER BY name, version",
        (identity(key), wanted, wanted),
    )
    summaries = [summary_of(row) for row in rows]
    if name is not None:
        return tuple(summaries)
    return tuple({summary.name: summary for summary in summaries}.values())


def summary_of(row: Sequence[Any]) -> ArtifactSummary:
    """Of a row of name, media type, version, size and time."""
    return ArtifactSummary(
        name=bytes(row[0]).decode(),
        version=row[1],
        media_type=bytes(row[2]).decode(),
        size_bytes=row[3],
        created_at=row[4],
    )
