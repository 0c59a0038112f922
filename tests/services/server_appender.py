"""Appends to one session until it has appended so many, beside other processes that do the same.

A program: `python server_appender.py NAME COUNT`, with the classes of the store and its settings, the URL, other
settings and the session's id as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import EntryPoint
from typing import Any

from hector.message import Event
from hector.spi import Secret, SessionKey, append_again


def load(place: str) -> Any:
    return EntryPoint(name="", value=place, group="").load()


async def main(name: str, count: int, given: dict[str, Any]) -> None:
    settings = load(given["settings"])(url=Secret(given["url"]), **given["more"])
    async with load(given["store"])(settings) as sessions:
        key = SessionKey("app", "ada", given["id"])
        head = 0
        for number in range(count):
            event = Event(id=f"{name}-{number}", kind="message", invocation_id="i", author=name)
            done = await append_again(sessions, key, [event], head=head, attempts=1000)
            head = done.events[-1].sequence or 0


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin)))
