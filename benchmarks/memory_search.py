"""Searching what was said: 100,000 events, on this machine, in this run. The bar: keyword search, p50 below 10 ms.

PostgreSQL and MariaDB are started for this, as for the tests. The words are drawn as people use them (Zipf's law); a
question has three to five of them, as a model asks. Measured is the whole of `MemoryIndex.search`: ranking, and reading
the ten events out of the sessions' log.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "services"))

from mariadb_server import running_mariadb
from postgres_server import running_postgres

from hector.memory import InMemoryKeywords, SessionMemory
from hector.message import Event, TextPart
from hector.session import InMemorySessions
from hector.spi import KeywordMemorySource, Secret, SessionKey, Sessions
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.store import MySQLSessions
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions
from hector_std.sqlite_sessions.store import SqliteSessions

APP, EVENTS_PER_SESSION, WORDS_PER_EVENT, VOCABULARY, QUERIES = "app", 100, 30, 50_000, 300


class Language:
    """Words by Zipf's law."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # no secret
        self._words = [f"w{number}x" for number in range(VOCABULARY)]
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))

    def text(self, length: int) -> str:
        """So many words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=length))


async def fill(sessions: Sessions, users: int, events: int) -> None:
    """Say it all, in sessions of 100 events."""
    language = Language(1)
    for number in range(events // EVENTS_PER_SESSION):
        key = SessionKey(APP, f"user{number % users}", f"session{number}")
        await sessions.create(key)
        said = [
            Event(
                id=f"{number}.{at}",
                kind="message",
                invocation_id="i",
                author=("user", "helper")[at % 2],
                parts=(TextPart(language.text(WORDS_PER_EVENT)),),
                timestamp=1.0 + number,
            )
            for at in range(EVENTS_PER_SESSION)
        ]
        await sessions.append(key, said, head=0)


def shown(times: Sequence[float]) -> str:
    """Milliseconds."""
    ordered = sorted(times)
    return (
        f"p50 {statistics.median(ordered) * 1e3:6.2f} ms   "
        f"p95 {ordered[int(len(ordered) * 0.95)] * 1e3:6.2f} ms   max {ordered[-1] * 1e3:6.2f} ms"
    )


async def measure(
    name: str, sessions: Sessions, memory: SessionMemory, users: int, events: int
) -> None:
    """Print one line: how long indexing took, and how long questions take."""
    start = time.perf_counter()
    await memory.catch_up()
    indexed_s = time.perf_counter() - start
    language = Language(2)
    times: list[float] = []
    found = 0
    for number in range(QUERIES):
        query = language.text(3 + number % 3)
        start = time.perf_counter()
        hits = await memory.search(APP, f"user{number % users}", query, limit=10)
        times.append(time.perf_counter() - start)
        found += len(hits)
    print(
        f"{name:>9}, {events:,} events of {users:>3} users: {shown(times)}   "
        f"({found / QUERIES:.1f} hits; indexed {events / indexed_s:,.0f} events/s)"
    )


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncGenerator[Sessions]:
    """Sessions of that kind, empty."""
    if kind == "in memory":
        yield InMemorySessions()
    elif kind == "sqlite":
        async with SqliteSessions(folder / "sessions.db", hot_bytes=0) as sessions:
            yield sessions
    elif kind == "postgres":
        with running_postgres() as server:
            async with PostgresSessions(PostgresSettings(url=Secret(server.url))) as sessions:
                yield sessions
    else:
        with running_mariadb() as server:
            async with MySQLSessions(MySQLSettings(url=Secret(server.url))) as sessions:
                yield sessions


async def run(kind: str, users: int, events: int) -> None:
    """One combination."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(kind, Path(folder)) as sessions:
            await fill(sessions, users, events)
            if isinstance(sessions, KeywordMemorySource):
                async with (
                    sessions.keyword_memory(APP) as store,
                    SessionMemory(sessions, store, app=APP) as memory,
                ):
                    await measure(kind, sessions, memory, users, events)
                return
            async with SessionMemory(sessions, InMemoryKeywords(APP), app=APP) as memory:
                await measure(kind, sessions, memory, users, events)


KINDS = ("sqlite", "in memory", "postgres", "mysql")


def main() -> None:
    """Print a line for each combination."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    given = parser.parse_args()
    events: int = given.events
    print(f"bare loop over {events:,} short strings: ", end="")
    texts = [Language(3).text(5)] * events
    start = time.perf_counter()
    sum("w17x" in text for text in texts)
    print(f"{(time.perf_counter() - start) * 1e3:.1f} ms")
    for kind in given.kinds:
        for users in (1, 20):
            asyncio.run(run(kind, users, events))


if __name__ == "__main__":
    main()
