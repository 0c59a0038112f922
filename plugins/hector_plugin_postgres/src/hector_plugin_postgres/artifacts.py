"""Artifacts: rows that name content, which is in the row or in pieces of its own."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from typing import Any

import attrs

from hector.spi import Artifact, ArtifactDraft, ArtifactSummary, SessionKey, StagedBytes
from hector.spi.session_artifacts import (
    PIECE_BYTES,
    artifact_too_large,
    check_versions,
    size_of,
    staged_is_gone,
)
from hector.spi.session_rules import artifact_not_found, session_not_found
from hector.spi.session_state import is_storable
from hector_plugin_postgres.appends import Append, append_all
from hector_plugin_postgres.pool import AnyConnection, ConnectionPool
from hector_plugin_postgres.rows import bounded, identity

__all__ = [
    "Found",
    "append_with_artifacts",
    "find",
    "insert_artifacts",
    "list_artifacts",
    "load_artifact",
    "pieces_of",
    "read_piece",
    "stage",
    "sweep",
]

_STAGED_FOR_S = 86_400.0
_LOCK = "SELECT number FROM apps WHERE name = $1 FOR NO KEY UPDATE"


@attrs.frozen
class Found:
    """Where a version is."""

    session: int
    summary: ArtifactSummary
    content: int | None


async def append_with_artifacts(connection: AnyConnection, append: Append) -> bool:
    """Append with what the events name, in one transaction; False: the fence did not let it through.

    Raises:
        SessionError: the artifacts do not go on from the stored ones; nothing was written.
    """
    async with connection.transaction():
        await connection.execute(_LOCK, append.key.app)
        session = await connection.fetchval(
            "SELECT key FROM sessions WHERE identity = $1 AND head = $2 AND epoch = $3"
            " FOR NO KEY UPDATE",
            append.identity,
            append.head,
            append.epoch,
        )
        if session is None:
            return False
        await insert_artifacts(connection, append.key, session, append.artifacts, append.now)
        return bool(await append_all(connection, [append]))


async def insert_artifacts(
    connection: AnyConnection,
    key: SessionKey,
    session: int,
    drafts: Sequence[ArtifactDraft],
    now: float,
) -> None:
    """Insert versions, within a transaction that holds the session.

    Raises:
        SessionError: versions do not go on from the stored ones, or staged content is not there.
    """
    rows = await connection.fetch(
        "SELECT name, max(version) FROM artifacts WHERE session = $1 AND name = ANY($2::text[])"
        " GROUP BY name",
        session,
        [draft.name for draft in drafts],
    )
    check_versions(key, drafts, {row[0]: row[1] for row in rows})
    for draft in drafts:
        content: int | None = None
        data: bytes | None = None
        if isinstance(draft.data, StagedBytes):
            content = await _name_content(connection, session, draft.data)
        elif len(draft.data) > PIECE_BYTES:
            content = await _keep_apart(connection, session, draft.data, now)
        else:
            data = draft.data
        await connection.execute(
            "INSERT INTO artifacts (session, name, version, media_type, size_bytes, created_at,"
            " content, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            session,
            draft.name,
            draft.version,
            draft.media_type,
            size_of(draft),
            now if draft.created_at is None else draft.created_at,
            content,
            data,
        )


async def _name_content(connection: AnyConnection, session: int, staged: StagedBytes) -> int:
    is_number = staged.id.isascii() and staged.id.isdecimal() and len(staged.id) <= 18
    content: int | None = None
    if is_number:
        content = await connection.fetchval(
            "UPDATE contents SET is_named = true"
            " WHERE content = $1 AND session = $2 AND size_bytes = $3 RETURNING content",
            int(staged.id),
            session,
            staged.size_bytes,
        )
    if content is None:
        raise staged_is_gone(staged)
    return content


async def _keep_apart(connection: AnyConnection, session: int, data: bytes, now: float) -> int:
    content = await connection.fetchval(
        "INSERT INTO contents (session, size_bytes, staged_at, is_named)"
        " VALUES ($1, $2, $3, true) RETURNING content",
        session,
        len(data),
        now,
    )
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = data[start : start + PIECE_BYTES]
        await _add_piece(connection, content, number, piece)
    return int(content)


# ------------------------------------------------------------------------------------ staging


async def stage(
    pool: ConnectionPool,
    key: SessionKey,
    data: AsyncIterable[bytes],
    *,
    now: float,
    limit_bytes: int,
) -> StagedBytes:
    """Take content in, a piece at a time; no connection is held while the next piece is waited for."""
    content = await pool.run(lambda it: _begin_content(it, key, now))
    size_bytes = number = 0
    try:
        async for piece in pieces_of(data):
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise artifact_too_large(key, limit_bytes)
            await pool.run(
                functools.partial(_add_piece, content=content, number=number, data=piece)
            )
            number += 1
        await pool.run(
            lambda it: it.execute(
                "UPDATE contents SET size_bytes = $2 WHERE content = $1", content, size_bytes
            )
        )
    except Exception:
        await pool.run(lambda it: _drop_contents(it, [content]))
        raise
    return StagedBytes(key=key, id=str(content), size_bytes=size_bytes)


async def _begin_content(connection: AnyConnection, key: SessionKey, now: float) -> int:
    content = await connection.fetchval(
        "INSERT INTO contents (session, size_bytes, staged_at)"
        " SELECT key, -1, $2 FROM sessions WHERE identity = $1 RETURNING content",
        identity(key),
        now,
    )
    if content is None:
        raise session_not_found(key)
    return int(content)


async def _add_piece(connection: AnyConnection, content: int, number: int, data: bytes) -> None:
    await connection.execute("INSERT INTO pieces VALUES ($1, $2, $3)", content, number, data)


async def _drop_contents(connection: AnyConnection, contents: Sequence[int]) -> None:
    await connection.execute(
        "WITH gone AS (DELETE FROM contents WHERE content = ANY($1::bigint[]) AND NOT is_named"
        " RETURNING content) DELETE FROM pieces WHERE content IN (SELECT content FROM gone)",
        contents,
    )


async def pieces_of(data: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES`, but for the last."""
    held = bytearray()
    async for part in data:
        view = memoryview(part)
        while len(held) + len(view) >= PIECE_BYTES:
            room = PIECE_BYTES - len(held)
            held += view[:room]
            view = view[room:]
            yield bytes(held)
            held.clear()
        held += view
    if held:
        yield bytes(held)


async def sweep(connection: AnyConnection, now: float) -> None:
    """Remove content that was staged a day ago and never named."""
    rows = await connection.fetch(
        "SELECT content FROM contents WHERE NOT is_named AND staged_at < $1", now - _STAGED_FOR_S
    )
    if rows:
        await _drop_contents(connection, [row[0] for row in rows])


# ------------------------------------------------------------------------------------ reading

_COLUMNS = "name, version, media_type, size_bytes, artifacts.created_at"


async def find(connection: AnyConnection, key: SessionKey, name: str, version: int | None) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, session, content"  # noqa: S608 - a constant
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " WHERE identity = $1 AND name = $2 AND ($3::bigint IS NULL OR version = $3)"
        " ORDER BY version DESC LIMIT 1",
        identity(key),
        name,
        None if version is None else bounded(version),
    )
    if row is None:
        raise artifact_not_found(key, name, version)
    return Found(row["session"], _summary(row), row["content"])


async def read_piece(
    connection: AnyConnection, key: SessionKey, found: Found, number: int
) -> bytes:
    """The piece of that number, from 0 on; empty behind the last. Raises `ArtifactNotFoundError`."""
    summary = found.summary
    if number * PIECE_BYTES >= summary.size_bytes:
        return b""
    if found.content is None:
        data = await connection.fetchval(
            "SELECT data FROM artifacts WHERE session = $1 AND name = $2 AND version = $3",
            found.session,
            summary.name,
            summary.version,
        )
    else:
        data = await connection.fetchval(
            "SELECT data FROM pieces JOIN contents USING (content)"
            " JOIN sessions ON sessions.key = contents.session"
            " WHERE content = $1 AND number = $2",
            found.content,
            number,
        )
    if data is None:
        raise artifact_not_found(key, summary.name, summary.version)
    return bytes(data)


async def load_artifact(
    connection: AnyConnection, key: SessionKey, name: str, version: int | None
) -> Artifact:
    """One version, or the newest. Raises `ArtifactNotFoundError`."""
    found = await find(connection, key, name, version)
    data = bytearray()
    number = 0
    while piece := await read_piece(connection, key, found, number):
        data += piece
        number += 1
    return Artifact(summary=found.summary, data=bytes(data))


async def list_artifacts(
    connection: AnyConnection, key: SessionKey, name: str | None
) -> Sequence[ArtifactSummary]:
    """The newest versions by name, or all of one."""
    if name is not None and not is_storable(name):
        return ()
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM artifacts"  # noqa: S608 - a constant
        " JOIN sessions ON sessions.key = artifacts.session"
        " WHERE identity = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name, version",
        identity(key),
        name,
    )
    summaries = [_summary(row) for row in rows]
    if name is not None:
        return tuple(summaries)
    return tuple({summary.name: summary for summary in summaries}.values())


def _summary(row: Any) -> ArtifactSummary:
    return ArtifactSummary(
        name=row["name"],
        version=row["version"],
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        created_at=row["created_at"],
    )
