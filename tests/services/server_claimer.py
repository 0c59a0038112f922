"""Claims every task it can get and says on stdout which, beside other processes that do the same.

A program: `python server_claimer.py NAME`, with the classes of the store and its settings, the URL and other settings
as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from server_dying import load

from hector.spi import Secret


async def main(name: str, given: dict[str, Any]) -> None:
    settings = load(given["settings"])(url=Secret(given["url"]), **given["more"])
    async with load(given["store"])(settings) as sessions:
        page = await sessions.tasks.list("app", states=["running"], limit=1000)
        for task in page.tasks:
            if await sessions.tasks.claim(task.id, owner=name, epoch=0) is not None:
                os.write(1, f"{task.id}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
