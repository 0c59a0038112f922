"""A process that claims every task it can get and says on stdout which, for tests that run several at once.

Arguments: the database, and the name of the executor.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hector_std.sqlite_sessions.store import SqliteSessions


async def main(database: str, owner: str) -> None:
    async with SqliteSessions(Path(database), busy_timeout_s=60) as sessions:
        os.write(1, b"ready\n")
        sys.stdin.readline()
        page = await sessions.tasks.list("app", states=["running"], limit=1000)
        for task in page.tasks:
            if await sessions.tasks.claim(task.id, owner=owner, epoch=0) is not None:
                os.write(1, f"{task.id}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
