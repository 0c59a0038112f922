"""Artifacts: rows that name content, which is in the row or in pieces of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hector.errors import SessionError
from hector.spi import ArtifactDraft, ArtifactSummary, SessionKey, StagedBytes
from hector.spi.session_artifacts import (
    PIECE_BYTES,
    check_versions,
    size_of,
    staged_is_gone,
)
from hector.spi.session_rules import artifact_not_found, session_not_found
from hector.spi.session_state import is_storable
from hector.spi.session_stores.groups import Append
from hector.spi.session_stores.rows import bounded, identity
from hector.spi.session_stores.staging import Doomed, Found, content_of
from hector_plugin_postgres.appends import append_all, is_possible, refused
from hector_plugin_postgres.pool import AnyConnection
from hector_plugin_postgres.task_appends import AppearedError, lock_row

__all__ = [
    "add_piece",
    "begin_content",
    "doom",
    "drop_content",
    "find",
    "finish_content",
    "insert_artifacts",
    "leave_blobs",
    "list_artifacts",
    "name_blob",
    "read_piece",
    "write_group",
]

_LOCK = "SELECT number FROM apps WHERE name = $1 FOR NO KEY UPDATE"


async def write_group(
    connection: AnyConnection, appends: Sequence[Append], is_unsure: bool
) -> Sequence[SessionError | None]:
    """See `GroupWriter`. An append with artifacts is a group of its own."""
    try:
        through = await _through(connection, appends)
    except AppearedError:  # it is seen now
        through = await _through(connection, appends)
    except SessionError as error:
        return [error for _ in appends]
    if len(through) == len(appends):
        return [None] * len(appends)
    lost = [place for place in range(len(appends)) if place not in through]
    results: list[SessionError | None] = [None] * len(appends)
    if lost:
        reasons = await refused(connection, [appends[place] for place in lost], is_unsure=is_unsure)
        for place, reason in zip(lost, reasons, strict=True):
            results[place] = reason
    return results


async def _through(connection: AnyConnection, appends: Sequence[Append]) -> set[int]:
    """Write what the fences let through; which these are, by their places.

    Raises:
        AppearedError: nothing was written; try again.
        SessionError: the artifacts do not go on from the stored ones; nothing was written.
    """
    if appends[0].artifacts:
        done = is_possible(appends[0]) and await _append_with_artifacts(connection, appends[0])
        return {0} if done else set()
    possible = [place for place, append in enumerate(appends) if is_possible(append)]
    if not possible:
        return set()
    written = await append_all(connection, [appends[place] for place in possible])
    return {possible[place] for place in written}


async def _append_with_artifacts(connection: AnyConnection, append: Append) -> bool:
    """Append with what the events name, in one transaction; False: the fence did not let it through.

    Raises:
        SessionError: the artifacts do not go on from the stored ones; nothing was written.
    """
    async with connection.transaction():
        await connection.execute(_LOCK, append.key.app)
        if not await lock_row(connection, append):
            return False
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
    content = await connection.fetchval(
        "UPDATE contents SET is_named = true"
        " WHERE content = $1 AND session = $2 AND size_bytes = $3 RETURNING content",
        content_of(staged),
        session,
        staged.size_bytes,
    )
    if content is None:
        raise staged_is_gone(staged)
    return int(content)


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
        await add_piece(connection, content, number, piece)
    return int(content)


# ------------------------------------------------------------------------------------ content


async def begin_content(connection: AnyConnection, key: SessionKey, now: float) -> int:
    """A new, empty content of a session. Raises `SessionNotFoundError`."""
    content = await connection.fetchval(
        "INSERT INTO contents (session, size_bytes, staged_at)"
        " SELECT key, -1, $2 FROM sessions WHERE identity = $1 RETURNING content",
        identity(key),
        now,
    )
    if content is None:
        raise session_not_found(key)
    return int(content)


async def name_blob(connection: AnyConnection, content: int, blob: str) -> None:
    """Note under which id the content will be in the store of blobs."""
    await connection.execute("UPDATE contents SET blob = $2 WHERE content = $1", content, blob)


async def add_piece(connection: AnyConnection, content: int, number: int, data: bytes) -> None:
    """Add the next piece."""
    await connection.execute("INSERT INTO pieces VALUES ($1, $2, $3)", content, number, data)


async def finish_content(connection: AnyConnection, content: int, size_bytes: int) -> bool:
    """Let appends name it; False: it was swept meanwhile."""
    found = await connection.fetchval(
        "UPDATE contents SET size_bytes = $2 WHERE content = $1 AND session <> 0 RETURNING content",
        content,
        size_bytes,
    )
    return found is not None


async def drop_content(connection: AnyConnection, content: int) -> None:
    """Remove the rows of content that no append can name."""
    await connection.execute(
        "WITH gone AS (DELETE FROM contents WHERE content = $1)"
        " DELETE FROM pieces WHERE content = $1",
        content,
    )


async def leave_blobs(connection: AnyConnection, session: int) -> Sequence[Doomed]:
    """Remove a deleted session's content, but for the rows of blobs, which belong to no session then."""
    await connection.execute(
        "DELETE FROM pieces WHERE content IN (SELECT content FROM contents WHERE session = $1)",
        session,
    )
    await connection.execute("DELETE FROM contents WHERE session = $1 AND blob IS NULL", session)
    rows = await connection.fetch(
        "UPDATE contents SET session = 0 WHERE session = $1 RETURNING content, blob", session
    )
    return [(row[0], row[1]) for row in rows]


async def doom(
    connection: AnyConnection, before: float, limit: int, with_blobs: bool
) -> Sequence[Doomed]:
    """What is to be removed; from when this returns, no append can name it."""
    await connection.execute(
        "UPDATE contents SET session = 0 WHERE content IN (SELECT content FROM contents"
        " WHERE NOT is_named AND staged_at < $1 AND session <> 0"
        " ORDER BY staged_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    rows = await connection.fetch(
        "SELECT content, blob FROM contents WHERE session = 0 AND ($1 OR blob IS NULL)"
        " ORDER BY content LIMIT $2",
        with_blobs,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


# ------------------------------------------------------------------------------------ reading

_COLUMNS = "name, version, media_type, artifacts.size_bytes, artifacts.created_at"


async def find(connection: AnyConnection, key: SessionKey, name: str, version: int | None) -> Found:
    """Where a version is, the newest if None. Raises `ArtifactNotFoundError`."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS}, artifacts.session, content, blob"  # noqa: S608 - a constant
        " FROM artifacts JOIN sessions ON sessions.key = artifacts.session"
        " LEFT JOIN contents USING (content)"
        " WHERE identity = $1 AND name = $2 AND ($3::bigint IS NULL OR version = $3)"
        " ORDER BY version DESC LIMIT 1",
        identity(key),
        name,
        None if version is None else bounded(version),
    )
    if row is None:
        raise artifact_not_found(key, name, version)
    return Found(row["session"], _summary(row), row["content"], row["blob"])


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
