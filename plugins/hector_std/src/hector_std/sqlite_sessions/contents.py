"""The rows of content that is too large for the row of its artifact; see `hector.spi.session_stores.staging`."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from hector.spi.session import SessionKey
from hector.spi.session_stores.staging import Doomed
from hector_std.sqlite_sessions.writer import GroupWriter, Operation

__all__ = ["SqliteContents", "leave_blobs"]

T = TypeVar("T")

_MARKED_AT_ONCE = 100


class SqliteContents:
    """The rows of one file: `staging.Contents`."""

    def __init__(
        self,
        writer: GroupWriter,
        read: Callable[[Operation[Sequence[int]]], Awaitable[Sequence[int]]],
    ) -> None:
        """Write through the writer; `read` runs a function in a read transaction."""
        self._writer = writer
        self._read = read

    async def begin(self, key: SessionKey, now: float) -> int:
        """See `Contents.begin`."""
        places = self._writer.places

        def insert(connection: sqlite3.Connection) -> int:
            session = places.get(connection, key).number
            cursor = connection.execute(
                "INSERT INTO contents (session, size_bytes, staged_at) VALUES (?, -1, ?)",
                (session, now),
            )
            return cursor.lastrowid or 0

        return await self._writer.submit(insert)

    async def name_blob(self, content: int, blob: str) -> None:
        """See `Contents.name_blob`."""
        await self._change("UPDATE contents SET blob = ? WHERE content = ?", (blob, content))

    async def add_piece(self, content: int, number: int, data: bytes) -> None:
        """See `Contents.add_piece`."""
        await self._change("INSERT INTO pieces VALUES (?, ?, ?)", (content, number, data))

    async def finish(self, content: int, size_bytes: int) -> bool:
        """See `Contents.finish`."""
        changed = await self._change(
            "UPDATE contents SET size_bytes = ? WHERE content = ? AND session <> 0",
            (size_bytes, content),
        )
        return changed > 0

    async def drop(self, content: int) -> None:
        """See `Contents.drop`."""

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM pieces WHERE content = ?", (content,))
            connection.execute("DELETE FROM contents WHERE content = ?", (content,))

        await self._writer.submit(delete)

    async def doom(self, before: float, limit: int, *, with_blobs: bool) -> Sequence[Doomed]:
        """See `Contents.doom`. They are looked for beside the writer, which then makes sure."""
        found = await self._read(lambda connection: _expired(connection, before, limit))
        for start in range(0, len(found), _MARKED_AT_ONCE):
            marked = found[start : start + _MARKED_AT_ONCE]
            await self._change(
                "UPDATE contents SET session = 0 WHERE content IN"  # noqa: S608 - placeholders
                f" ({','.join('?' * len(marked))})"
                " AND (is_named = 0 OR session NOT IN (SELECT key FROM sessions))",
                marked,
            )
        return await self._writer.submit(
            lambda connection: connection.execute(
                "SELECT content, blob FROM contents WHERE session = 0 AND (? OR blob IS NULL)"
                " ORDER BY content LIMIT ?",
                (with_blobs, limit),
            ).fetchall()
        )

    async def _change(self, statement: str, values: Sequence[object]) -> int:
        return await self._writer.submit(lambda it: it.execute(statement, values).rowcount)


def _expired(connection: sqlite3.Connection, before: float, limit: int) -> Sequence[int]:
    rows = connection.execute(
        "SELECT content FROM contents WHERE session <> 0 AND (is_named = 0 AND staged_at < ?"
        " OR session NOT IN (SELECT key FROM sessions)) ORDER BY content LIMIT ?",
        (before, limit),
    ).fetchall()
    return [row[0] for row in rows]


def leave_blobs(connection: sqlite3.Connection, session: int) -> Sequence[Doomed]:
    """Remove a deleted session's content, but for the rows of blobs, which belong to no session then."""
    connection.execute(
        "DELETE FROM pieces WHERE content IN (SELECT content FROM contents WHERE session = ?)",
        (session,),
    )
    connection.execute("DELETE FROM contents WHERE session = ? AND blob IS NULL", (session,))
    return connection.execute(
        "UPDATE contents SET session = 0 WHERE session = ? RETURNING content, blob", (session,)
    ).fetchall()
