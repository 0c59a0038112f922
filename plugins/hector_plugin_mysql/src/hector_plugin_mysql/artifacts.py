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
from hector_plugin_mysql.pool import ConnectionPool, MySQLConnection
from hector_plugin_mysql.rows import bounded, finite, identity, marks

__all__ = [
    "Found",
    "check_newest",
    "find",
    "insert_artifacts",
    "list_artifacts",
    "load_artifact",
    "pieces_of",
    "read_piece",
    "stage",
    "summary_of",
    "sweep",
]

_STAGED_FOR_S = 86_400.0


@attrs.frozen
class Found:
    """Where a version is."""

    session: int
    summary: ArtifactSummary
    content: int | None


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
            (_content_of(staged), session, staged.size_bytes),
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
            content = _content_of(draft.data)
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


def _content_of(staged: StagedBytes) -> int:
    is_number = staged.id.isascii() and staged.id.isdecimal() and len(staged.id) <= 18
    return int(staged.id) if is_number else -1


async def _keep_apart(connection: MySQLConnection, session: int, data: bytes, now: float) -> int:
    content = await connection.insert(
        "INSERT INTO contents (session, size_bytes, staged_at, is_named) VALUES (%s, %s, %s, true)",
        (session, len(data), now),
    )
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = data[start : start + PIECE_BYTES]
        await _add_piece(connection, content, number, piece)
    return content


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
                "UPDATE contents SET size_bytes = %s WHERE content = %s", (size_bytes, content)
            )
        )
    except Exception:
        await pool.run(lambda it: _drop_contents(it, [content]))
        raise
    return StagedBytes(key=key, id=str(content), size_bytes=size_bytes)


async def _begin_content(connection: MySQLConnection, key: SessionKey, now: float) -> int:
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


async def _add_piece(connection: MySQLConnection, content: int, number: int, data: bytes) -> None:
    await connection.execute("INSERT INTO pieces VALUES (%s, %s, %s)", (content, number, data))


async def _drop_contents(connection: MySQLConnection, contents: Sequence[int]) -> None:
    async with connection.transaction():
        for content in contents:
            gone = await connection.execute(
                "DELETE FROM contents WHERE content = %s AND NOT is_named", (content,)
            )
            if gone:
                await connection.execute("DELETE FROM pieces WHERE content = %s", (content,))


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


async def sweep(connection: MySQLConnection, now: float) -> None:
    """Remove content that was staged a day ago and never named."""
    rows = await connection.fetch(
        "SELECT content FROM contents WHERE is_named = false AND staged_at < %s",
        (now - _STAGED_FOR_S,),
    )
    await _drop_contents(connection, [row[0] for row in rows])


# ------------------------------------------------------------------------------------ reading

_COLUMNS = "name, version, media_type, size_bytes, artifacts.created_at"


async def find(
    connection: MySQLConnection, key: SessionKey, name: str, version: int | None
) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    wanted = None if version is None else bounded(version)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, session, content"  # noqa: S608 - a constant
        " FROM artifacts JOIN sessions ON sessions.number = artifacts.session"
        " WHERE identity = %s AND name = %s AND (%s IS NULL OR version = %s)"
        " ORDER BY version DESC LIMIT 1",
        (identity(key), name.encode(), wanted, wanted),
    )
    if not rows:
        raise artifact_not_found(key, name, version)
    return Found(rows[0][5], summary_of(rows[0]), rows[0][6])


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


async def load_artifact(
    connection: MySQLConnection, key: SessionKey, name: str, version: int | None
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
