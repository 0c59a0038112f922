"""Appends to one session until it has appended so many, beside other processes that do the same.

A program: `python appender.py NAME COUNT`, with the address, the schema and the session's id as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys

from hector.message import Event
from hector.spi import Secret, SessionKey, append_again
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions


async def main(name: str, count: int, given: dict[str, str]) -> None:
    settings = PostgresSettings(url=Secret(given["url"]), schema=given["schema"])
    async with PostgresSessions(settings) as sessions:
        key = SessionKey("app", "ada", given["id"])
        head = 0
        for number in range(count):
            event = Event(id=f"{name}-{number}", kind="message", invocation_id="i", author=name)
            done = await append_again(sessions, key, [event], head=head, attempts=1000)
            head = done.events[-1].sequence or 0


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin)))
