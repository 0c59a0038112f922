"""What sessions in PostgreSQL cost, beside a bare asyncpg insert of the same batch sizes.

The server is started for this, with its defaults (fsync on). Appends are of one event of about 1 KB, each durable
before the next of the same writer; the bare figure is a multi-row insert (`unnest`) of the same rows, in batches of the
size that the store's groups had on average, into a table that has nothing but its primary key. Both are measured in
turn, several times, because disks and machines have moods; the bar is for the median.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "services"))

import asyncpg
from postgres_server import PostgresServer, running_postgres

from hector.message import Event, TextPart, dump_event
from hector.spi import Secret, SessionKey
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

EVENTS = 3000
ROUNDS = 5
TEXT = "x" * 850


def event(number: int) -> Event:
    return Event(
        id=f"e{number}",
        kind="message",
        invocation_id="i1",
        author="assistant",
        parts=(TextPart(TEXT),),
        timestamp=1.0,
    )


async def ours(sessions: PostgresSessions, writers: int, tag: str) -> tuple[float, float, float]:
    """Events per second, of a group on average, and the p99 of an append in seconds."""
    keys = [SessionKey("bench", "ada", f"{tag}-{number}") for number in range(writers)]
    for key in keys:
        await sessions.create(key)
    each = EVENTS // writers if writers > 1 else EVENTS // 6
    waits: list[float] = []
    groups = 0

    def count() -> None:
        nonlocal groups
        groups += 1

    writer = sessions._open.writer  # noqa: SLF001 - to learn the size of the groups
    before, writer.on_commit = writer.on_commit, count

    async def write(key: SessionKey) -> None:
        for head in range(each):
            start = time.perf_counter()
            await sessions.append(key, [event(head)], head=head)
            waits.append(time.perf_counter() - start)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for key in keys:
            group.create_task(write(key))
    taken = time.perf_counter() - start
    writer.on_commit = before
    rate = len(waits) / taken
    return rate, len(waits) / groups, statistics.quantiles(waits, n=100)[98]


async def bare(connection: Any, size: int, first: int) -> tuple[float, float, float]:
    """Rows per second of inserts of so many rows each, without and with encoding them, and the p99 in seconds."""
    statement = await connection.prepare(
        "INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
    )
    count = max(EVENTS // size, 1) if size > 1 else EVENTS // 6
    waits: list[float] = []
    encoding = 0.0
    for number in range(count):
        start = time.perf_counter()
        sequences = [number] * size
        payloads = [dump_event(event(number)) for _ in range(size)]
        encoding += time.perf_counter() - start
        start = time.perf_counter()
        await statement.fetch([first + at for at in range(size)], sequences, payloads)
        waits.append(time.perf_counter() - start)
    rows = count * size
    return rows / sum(waits), rows / (sum(waits) + encoding), statistics.quantiles(waits, n=100)[98]


async def appends(sessions: PostgresSessions, connection: Any, writers: int) -> None:
    rates: list[tuple[float, float, float]] = []
    p99: list[tuple[float, float]] = []
    size = 1.0
    for number in range(ROUNDS):
        rate, size, wait = await ours(sessions, writers, f"{writers}-{number}")
        raw, encoded, raw_wait = await bare(
            connection, round(size), writers * 1_000_000 + number * 1000
        )
        rates.append((rate, raw, encoded))
        p99.append((wait, raw_wait))
    ratio = statistics.median(encoded / rate for rate, _, encoded in rates)
    ratio_ready = statistics.median(raw / rate for rate, raw, _ in rates)
    rate, raw, encoded = (statistics.median(column) for column in zip(*rates, strict=True))
    wait, raw_wait = (statistics.median(column) for column in zip(*p99, strict=True))
    print(f"{writers:3} writers, groups of {size:.0f}")
    print(f"  bare, rows ready-made  {raw:10,.0f} events/s   p99 {raw_wait * 1e3:6.1f} ms")
    print(f"  bare, events encoded   {encoded:10,.0f} events/s")
    print(f"  PostgresSessions       {rate:10,.0f} events/s   p99 {wait * 1e3:6.1f} ms")
    print(f"  slower than ready-made {ratio_ready:10.2f} x")
    print(f"  slower than encoded    {ratio:10.2f} x", "  bar 2.0" if writers == 64 else "")


async def loads(sessions: PostgresSessions, connection: Any) -> None:
    for length, asked in ((200, None), (20_000, 50), (5_000, None)):
        key = SessionKey("bench", "ada", f"load-{length}")
        await sessions.create(key)
        for head in range(0, length, 200):
            batch = [event(number) for number in range(head, head + 200)]
            await sessions.append(key, batch, head=head)
        await connection.execute("ANALYZE events")
        times: list[float] = []
        for _ in range(20):
            start = time.perf_counter()
            session = await sessions.load(key, last=asked)
            times.append(time.perf_counter() - start)
            assert session is not None
            assert len(session.events) == (asked or length)
        what = f"last {asked} of {length:,}" if asked else f"all of {length:,}"
        print(f"load {what:20}   p50 {statistics.median(times) * 1e3:8.2f} ms")


async def run(server: PostgresServer) -> None:
    settings = PostgresSettings(url=Secret(server.url))
    async with PostgresSessions(settings) as sessions:
        connection = await asyncpg.connect(
            server.url, server_settings={"search_path": settings.schema}
        )
        try:
            await connection.execute(
                "CREATE TABLE bare (session bigint, sequence bigint, payload text,"
                " PRIMARY KEY (session, sequence))"
            )
            for writers in (1, 64, 256):
                await appends(sessions, connection, writers)
            await loads(sessions, connection)
        finally:
            await connection.close()


def main() -> None:
    # Beside the checkout, not in /tmp, which may be memory.
    tempfile.tempdir = str(Path.cwd()) if Path.cwd().stat().st_mode & 0o001 else None
    with running_postgres() as server:
        asyncio.run(run(server))


if __name__ == "__main__":
    main()
