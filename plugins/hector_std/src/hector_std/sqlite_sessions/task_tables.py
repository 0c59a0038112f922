"""The tables of tasks: what leads from version 3 of the schema to version 4."""

from __future__ import annotations

__all__ = ["TASK_TABLES"]

TASK_TABLES = (
    """CREATE TABLE tasks (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        app TEXT NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        agent TEXT NOT NULL,
        invocation_id TEXT NOT NULL,
        state TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        owner TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        generation INTEGER NOT NULL,
        reason TEXT NOT NULL,
        expires_at REAL,
        started_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        ended_at REAL,
        due_at REAL,
        checkpoint TEXT
    ) STRICT""",
    "CREATE INDEX tasks_of_app ON tasks (app, state, id)",
    "CREATE INDEX tasks_of_user ON tasks (app, user, state, id)",
    "CREATE INDEX tasks_of_session ON tasks (app, session, user, state, id)",
    "CREATE INDEX tasks_by_end ON tasks (app, ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX tasks_by_due ON tasks (app, due_at, id) WHERE due_at IS NOT NULL",
    """CREATE TABLE executors (
        id TEXT PRIMARY KEY,
        place TEXT NOT NULL,
        beat_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
)
"""An append that carries a task writes one page more, that of the row.

Therefore no index has a column that changes while a task goes on: `state` changes when it begins, waits or ends;
`ended_at` is `updated_at` of a task that has ended, to find what is old by; `due_at` is `expires_at` of one that waits.
Rows lie in the order in which tasks began, so those that are under way share few pages.
"""
