"""Opens the keyword index of a folder's sessions and rebuilds it so many times, beside whoever else does."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from hector.errors import MemoryIndexError
from hector.memory import SessionMemory
from hector_std.sqlite_sessions.store import SqliteSessions


async def main(folder: Path, times: int) -> None:
    async with (
        SqliteSessions(folder / "sessions.db") as sessions,
        sessions.keyword_memory("app") as store,
        SessionMemory(sessions, store, app="app", page_size=5) as memory,
    ):
        sys.stdout.write("open\n")
        sys.stdout.flush()
        for _ in range(times):
            with suppress(
                MemoryIndexError
            ):  # of those who rebuild at the same time, the last one does
                await memory.rebuild()
        await memory.catch_up()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
