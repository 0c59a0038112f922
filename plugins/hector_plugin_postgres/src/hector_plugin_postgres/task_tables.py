"""The tables of tasks: what leads from version 2 of the schema to version 3."""

from __future__ import annotations

__all__ = ["TASK_TABLES"]

TASK_TABLES = (
    """CREATE TABLE tasks (
        id text COLLATE "C" PRIMARY KEY,
        session bigint NOT NULL,
        app integer NOT NULL,
        "user" text COLLATE "C" NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        ended_at double precision,
        due_at double precision,
        agent text NOT NULL,
        invocation_id text NOT NULL,
        epoch bigint NOT NULL,
        owner text NOT NULL,
        fingerprint text NOT NULL,
        generation bigint NOT NULL,
        reason text NOT NULL,
        expires_at double precision,
        started_at double precision NOT NULL,
        updated_at double precision NOT NULL,
        checkpoint text
    ) WITH (fillfactor = 50)""",
    "CREATE INDEX tasks_of_app ON tasks (app, state, id)",
    'CREATE INDEX tasks_of_user ON tasks (app, "user", state, id)',
    "CREATE INDEX tasks_of_session ON tasks (session, state, id)",
    "CREATE INDEX tasks_of_session_id ON tasks (app, session_id, session)",
    "CREATE INDEX tasks_by_end ON tasks (app, ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX tasks_by_due ON tasks (app, due_at) WHERE due_at IS NOT NULL",
    """CREATE TABLE executors (
        id text COLLATE "C" PRIMARY KEY,
        place text NOT NULL,
        beat_at double precision NOT NULL
    )""",
)
"""What version 3 is about: an append that carries a task replaces one row and writes to no index.

No index has a column that changes while a task goes on, and its page has room for the next version of the row (a
"heap-only" update): `state` changes when a task begins, waits or ends; `ended_at` is `updated_at` of one that has
ended, to find what is old by; `due_at` is `expires_at` of one that waits.
"""
