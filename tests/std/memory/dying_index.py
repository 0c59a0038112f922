"""Follows a session store with a keyword index again and again, and dies by SIGKILL before its n-th statement.

It takes in what is there, then that a session was deleted, and then rebuilds. Arguments: a folder that holds
`sessions.db`, and how many statements lie between two deaths. For every n there are the files `<n>.db` and
`<n>.memory.db` afterwards, and a line on stdout with n; the last line is of the life that was not killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from hector.memory import SessionMemory
from hector.spi import SessionKey
from hector_std.sqlite_memory import SqliteKeywords
from hector_std.sqlite_sessions.store import SqliteSessions

APP = "app"


async def live(folder: Path, number: int) -> None:
    seen = 0

    def die(_statement: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    async with (
        SqliteSessions(folder / f"{number}.db") as sessions,
        SqliteKeywords(folder / f"{number}.memory.db", app=APP) as store,
    ):
        writer = store._writer  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        assert writer is not None
        await writer.call(lambda connection: connection.set_trace_callback(die))
        async with SessionMemory(sessions, store, app=APP, page_size=2) as memory:
            await memory.catch_up()
            await sessions.delete(SessionKey(APP, "bob", "t"))
            await memory.catch_up()
            await memory.rebuild()


def main(folder: Path, step: int) -> None:
    number, is_killed = 1 - step, True
    while is_killed:
        number += step
        shutil.copy(folder / "sessions.db", folder / f"{number}.db")
        process = os.fork()
        if not process:
            asyncio.run(live(folder, number))
            os._exit(0)
        _, status = os.waitpid(process, 0)
        is_killed = os.WIFSIGNALED(status)
        os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
