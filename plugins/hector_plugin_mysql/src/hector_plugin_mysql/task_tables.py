"""The tables of tasks: what leads from version 2 of the schema to version 3."""

from __future__ import annotations

__all__ = ["TASK_TABLES"]

_TABLE = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC"

TASK_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS tasks (
        id varbinary(1020) NOT NULL PRIMARY KEY,
        session bigint NOT NULL,
        app int NOT NULL,
        user varbinary(1020) NOT NULL,
        session_id varbinary(1020) NOT NULL,
        state varbinary(16) NOT NULL,
        ended_at double,
        due_at double,
        agent varbinary(1020) NOT NULL,
        invocation_id varbinary(1020) NOT NULL,
        epoch bigint NOT NULL,
        owner varbinary(1020) NOT NULL,
        fingerprint varbinary(1020) NOT NULL,
        generation bigint NOT NULL,
        reason longblob NOT NULL,
        expires_at double,
        started_at double NOT NULL,
        updated_at double NOT NULL,
        checkpoint longblob,
        INDEX tasks_of_app (app, state, id),
        INDEX tasks_of_user (app, user, state, id),
        INDEX tasks_of_session (session, state, id),
        INDEX tasks_of_session_id (app, session_id, session),
        INDEX tasks_by_end (app, ended_at),
        INDEX tasks_by_due (app, due_at)
    ) {_TABLE}""",
    f"""CREATE TABLE IF NOT EXISTS executors (
        id varbinary(1020) NOT NULL PRIMARY KEY,
        place varbinary(1020) NOT NULL,
        beat_at double NOT NULL
    ) {_TABLE}""",
)
"""What version 3 is about: an append that carries a task replaces one row and writes to no index.

No index has a column that changes while a task goes on: `state` changes when it begins, waits or ends; `ended_at` is
`updated_at` of one that has ended, to find what is old by; `due_at` is `expires_at` of one that waits. Whoever writes
to the tasks of an app holds the row of the app.
"""
