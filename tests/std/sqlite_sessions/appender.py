"""A process that appends and says on stdout what was acknowledged, for tests that kill it.

Arguments: the database, the name of the session or `-` for four of its own, how many events (0: for
ever), and a name that its event ids begin with.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from hector.errors import SessionConflictError, SessionExistsError
from hector.message import Actions, Event, TextPart
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.store import SqliteSessions


async def append_to(sessions: SqliteSessions, name: str, count: int, label: str) -> None:
    key = SessionKey("app", "ada", name)
    with contextlib.suppress(SessionExistsError):
        await sessions.create(key)
    session = await sessions.load(key, after=2**40)
    assert session is not None
    head, done = session.head, 0
    while not count or done < count:
        batch = [event(f"{label}-{done}-{part}", head + part) for part in (1, 2)]
        try:
            stored = await sessions.append(key, batch, head=head)
        except SessionConflictError:
            session = await sessions.load(key, after=2**40)
            assert session is not None
            head = session.head
            continue
        head, done = head + 2, done + 1
        lines = "".join(f"{name} {event.sequence} {event.id}\n" for event in stored)
        os.write(1, lines.encode())


def event(id: str, sequence: int) -> Event:
    return Event(
        id=id,
        kind="message",
        invocation_id="i1",
        author="helper",
        parts=(TextPart("x" * 500),),
        actions=Actions(state_delta={"last": sequence}),
    )


async def main(database: str, session: str, count: str, label: str) -> None:
    names = [f"s{number}" for number in range(4)] if session == "-" else [session]
    async with SqliteSessions(Path(database)) as sessions, asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(append_to(sessions, name, int(count), label))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
