"""Databases that are written down, and which of them are meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from hector.config.entries import ReadEntry
from hector.config.node import key_problem
from hector.config.sections import RootKeys
from hector.errors import Diagnostic

__all__ = ["default_database", "unused_databases"]


def default_database(names: Sequence[str]) -> str | None:
    """The one that is meant when none is named: `default`, or the only one."""
    return "default" if "default" in names else names[0] if len(names) == 1 else None


def unused_databases(
    root: RootKeys, databases: Mapping[str, ReadEntry], referred: Collection[str]
) -> Iterator[Diagnostic]:
    """H121 for every enabled database that nothing names; it would never be opened.

    Args:
        root: the keys that may ask for sessions in a database.
        databases: the entries.
        referred: the names that components refer to.
    """
    used = {*referred, *_of_sessions(root, list(databases))}
    for name, item in databases.items():
        if item.is_enabled and name not in used:
            yield key_problem(
                item.node,
                "H121",
                item.path,
                "nothing uses this database",
                hint=f"set `server.sessions` to `backend: sql` and `database: {name}`, or remove it",
                severity="warning",
            )


def _of_sessions(root: RootKeys, names: Sequence[str]) -> Iterator[str]:
    """Those that sessions name or mean, under either spelling; all, where it is an error that none is named."""
    storage = None if root.storage is None else root.storage.sessions
    for sessions in (root.server.sessions, storage):
        if sessions is None:
            continue
        if sessions.database is not None:
            yield sessions.database
        elif sessions.backend == "sql":
            meant = default_database(names)
            yield from names if meant is None else (meant,)
