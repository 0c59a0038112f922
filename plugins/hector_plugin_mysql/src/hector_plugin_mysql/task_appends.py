"""The rows of tasks that appends carry, within the transaction that appends and holds the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hector.spi.session_stores.groups import Append
from hector.spi.task_codec import TASK_COLUMNS
from hector.spi.task_rules import belongs_elsewhere, task_taken_over
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.rows import marks

__all__ = ["StoredRow", "StoredRows", "stored_row", "write_rows"]

StoredRow = tuple[int, int]
"""session, epoch."""

_COLUMNS = ("session", "app", "user", "session_id", *TASK_COLUMNS)
_INSERT = f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608 - constants
_REPLACE = " ON DUPLICATE KEY UPDATE " + ", ".join(
    f"{name} = VALUES({name})" for name in TASK_COLUMNS[1:]
)


def stored_row(appends: Sequence[Append]) -> tuple[str, list[Any]]:
    """A column for the question for sessions: the session and the epoch of the row that is to be replaced."""
    carried = [(it.identity, it.task.id.encode()) for it in appends if it.task is not None]
    if not carried:
        return "NULL", []
    cases = " ".join(["WHEN %s THEN %s"] * len(carried))
    row = (
        "SELECT concat(tasks.session, ' ', tasks.epoch) FROM tasks"  # noqa: S608 - placeholders
        f" WHERE tasks.id = CASE identity {cases} END"
    )
    return f"({row})", [part for pair in carried for part in pair]


class StoredRows:
    """The rows that are there, and those that the transaction makes."""

    def __init__(self) -> None:
        self._made: dict[str, StoredRow] = {}
        self._replaced: set[str] = set()

    def check(self, append: Append, session: int, found: bytes | str | None) -> None:
        """Refuse a row that is not there as it has to be.

        Args:
            append: carries a row or none.
            session: the number of its session.
            found: what `stored_row` gave.

        Raises:
            SessionConflictError: the row has another epoch.
            SessionError: it is of another session.
        """
        row = append.task
        if row is None:
            return
        stored = self._made.get(row.id)
        if stored is None and found is not None:
            owner, epoch = (found if isinstance(found, str) else bytes(found).decode()).split()
            stored = int(owner), int(epoch)
            self._replaced.add(row.id)
        if stored is not None and stored[0] != session:
            raise belongs_elsewhere(row.id, append.key)
        if stored is not None and stored[1] != row.epoch:
            raise task_taken_over(
                append.key, row.id, head=append.head, epoch=row.epoch, stored=stored[1]
            )
        self._made[row.id] = (session, row.epoch)

    def is_new(self, id: str) -> bool:
        """Whether the row was not there before."""
        return id not in self._replaced


async def write_rows(
    connection: MySQLConnection,
    app: int,
    through: Sequence[tuple[int, Append]],
    stored: StoredRows,
) -> None:
    """Write the rows of appends, each with its session's number: one statement for new rows, one for others."""
    for are_new in (True, False):
        values = [
            (session, app, append.key.user, append.key.id, *append.task.values)
            for session, append in through
            if append.task is not None and stored.is_new(append.task.id) == are_new
        ]
        if values:
            await connection.execute(
                _INSERT
                + marks(len(values), f"({marks(len(_COLUMNS))})")
                + ("" if are_new else _REPLACE),
                [
                    part.encode() if isinstance(part, str) else part
                    for row in values
                    for part in row
                ],
            )
