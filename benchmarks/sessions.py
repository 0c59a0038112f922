"""What the session stores cost, beside what the disk and the codec allow.

Appends are of one event of about 1 KB, each durable before the next of the same writer; the raw
figure is an append of 1 KB and an fsync, measured in between, because disks have moods. The bare
figure is `sqlite3` itself in a thread that an event loop waits for: one commit for each event.

What grouping gains depends on what an fsync costs, so the writers are measured again with fsyncs
that take longer, as on disks that have to move something (needs `cc`).
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from hector.message import Event, TextPart, dump_event, event_from_json, event_to_json, parse_event
from hector.session import InMemorySessions
from hector.spi.session import SessionKey, Sessions
from hector_std.sqlite_sessions.store import SqliteSessions

START_S = 1_700_000_000.25
TEXT = "The quick brown fox jumps over the lazy dog. " * 18


def event(number: int) -> Event:
    return Event(
        id=f"event-{number:08}",
        kind="message",
        invocation_id="invocation-1",
        author="helper",
        parts=(TextPart(TEXT),),
        timestamp=START_S + number,
        generation=1,
    )


def raw(folder: Path, count: int) -> list[float]:
    """Seconds of each append of 1 KB with fsync."""
    seconds: list[float] = []
    with (folder / "raw").open("ab", buffering=0) as file:
        for _ in range(count):
            start = time.perf_counter()
            file.write(b"x" * 1024)
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - start)
    return seconds


async def append_many(sessions: Sessions, name: str, count: int) -> list[float]:
    """Seconds of each append of one writer to its own session."""
    key = SessionKey("app", "ada", name)
    head = (await sessions.create(key)).head
    batches = [[event(number)] for number in range(count)]
    await asyncio.sleep(0)
    seconds: list[float] = []
    for batch in batches:
        start = time.perf_counter()
        await sessions.append(key, batch, head=head)
        seconds.append(time.perf_counter() - start)
        head += 1
    return seconds


async def writers(sessions: Sessions, label: str, number: int, count: int) -> tuple[float, float]:
    """Appends per second of so many writers at once, and their CPU seconds per append."""
    keys = [SessionKey("app", "ada", f"{label}-{writer}") for writer in range(number)]
    for key in keys:
        await sessions.create(key)
    batches = [[event(place)] for place in range(count)]

    async def write(key: SessionKey) -> None:
        for head, batch in enumerate(batches):
            await sessions.append(key, batch, head=head)

    start, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for key in keys:
            group.create_task(write(key))
    appends = number * count
    return appends / (time.perf_counter() - start), (time.process_time() - cpu) / appends


def percentile_99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


async def bare(folder: Path, count: int) -> list[float]:
    """Seconds of each commit of one row of 1 KB by `sqlite3` in a thread."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, payload TEXT)",
    ):
        database.execute(statement)

    def append() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO events (payload) VALUES (?)", ("x" * 1024,))
        database.execute("COMMIT")

    seconds: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        await asyncio.to_thread(append)
        seconds.append(time.perf_counter() - start)
    database.close()
    return seconds


async def appends(sessions: Sessions, folder: Path, rounds: int) -> None:
    """What one writer and 64 of them get, beside the disk and SQLite itself."""
    fsyncs: list[float] = []
    alone: list[float] = []
    single: list[float] = []
    for turn in range(rounds):
        fsyncs += raw(folder, 300)
        alone += await bare(folder, 300)
        single += await append_many(sessions, f"single-{turn}", 300)
    grouped = [await writers(sessions, f"many-{turn}", 64, 100) for turn in range(3)]
    fsyncs += raw(folder, 300)
    disk, by_hand, one = (len(each) / sum(each) for each in (fsyncs, alone, single))
    most, cpu = statistics.median_low(grouped)
    ratio = percentile_99(single) / percentile_99(fsyncs)
    print(f"raw append + fsync        {disk:10,.0f} /s")
    print(f"bare sqlite3 in a thread  {by_hand:10,.0f} /s   {by_hand / disk:6.2f} x raw")
    print(f"SQLite, 1 writer          {one:10,.0f} /s   {one / disk:6.2f} x raw   bar 0.8")
    print(
        f"SQLite, 64 writers        {most:10,.0f} /s   {most / disk:6.2f} x raw   bar 15   ", end=""
    )
    print(f"{cpu * 1e6:.0f} us CPU each")
    print(f"append p99 / fsync p99    {ratio:10.2f}                     bar 3")


async def only_appends(folder: Path) -> None:
    async with SqliteSessions(folder / "sessions.db") as sessions:
        await appends(sessions, folder, 1)


def with_slow_fsyncs(folder: Path) -> None:
    """The same in processes whose fsyncs take longer."""
    compiler, library = shutil.which("cc"), folder / "slow_fsync.so"
    if compiler is None or sys.platform != "linux":
        print("no slower fsyncs: they need cc on Linux")
        return
    source = Path(__file__).with_name("slow_fsync.c")
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    for milliseconds in ("1", "2", "5"):
        print(f"fsyncs that take {milliseconds} ms longer:", flush=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), "FSYNC_MS": milliseconds}
        subprocess.run([sys.executable, __file__, "appends"], env=environment, check=True)


async def sqlite(folder: Path) -> None:
    async with SqliteSessions(folder / "sessions.db") as sessions:
        await appends(sessions, folder, 5)
        await fill(sessions)
    async with SqliteSessions(folder / "sessions.db", hot_bytes=0) as sessions:
        print("each event decoded:")
        await loads(sessions)
    async with SqliteSessions(folder / "sessions.db") as sessions:
        print("recent sessions kept decoded:")
        await sessions.load(SMALL)
        await loads(sessions)


LONG = SessionKey("app", "ada", "long")
SMALL = SessionKey("app", "ada", "small")
BESIDE = SessionKey("another app", "ada", "one")


async def fill(sessions: Sessions) -> None:
    await sessions.create(LONG)
    for start in range(0, 100_000, 2_000):
        batch = [event(number) for number in range(start, start + 2_000)]
        await sessions.append(LONG, batch, head=start)
    await sessions.create(BESIDE)
    await sessions.append(BESIDE, [event(1)], head=0)
    await sessions.create(SMALL)
    await sessions.append(SMALL, [event(number) for number in range(200)], head=0)


async def loads(sessions: Sessions) -> None:
    for label, which, last in (
        ("load of 200 events, bar 2 ms", SMALL, 200),
        ("last 50 of 200", SMALL, 50),
        ("last 50 of 100,000, bar 1.5 x", LONG, 50),
        ("last 5,000 of 100,000, bar 60 ms", LONG, 5_000),
    ):
        took = await median_of(functools.partial(sessions.load, which, last=last))
        print(f"  {label:34}{took * 1e3:8.2f} ms")
    for label, ask in (
        ("since, the last 50 of 100,000", lambda: sessions.load(LONG, since=START_S + 99_950)),
        (
            "since, 50 of 100,000, limit",
            lambda: sessions.load(LONG, since=START_S + 50_000, limit=50),
        ),
        ("feed of 1 event beside 100,000", lambda: sessions.changes(BESIDE.app)),
    ):
        print(f"  {label:34}{await median_of(ask) * 1e3:8.2f} ms")


async def median_of(ask: Callable[[], Awaitable[object]]) -> float:
    """Seconds of one call."""
    seconds: list[float] = []
    for _ in range(31):
        begin = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


async def in_memory() -> None:
    sessions = InMemorySessions()
    keys = [SessionKey("app", "ada", f"s{number}") for number in range(5_000)]
    for key in keys:
        await sessions.create(key)
    rounds: list[float] = []
    for head in range(0, 10, 2):
        batch = [event(head), event(head + 1)]
        cpu = time.process_time()
        for key in keys:
            await sessions.load(key)
            await sessions.append(key, batch, head=head)
        rounds.append((time.process_time() - cpu) / len(keys))
    print(f"in memory, load + append of 2     {min(rounds) * 1e6:8.2f} us CPU   bar 10")


def codec() -> None:
    one = event(1)
    data, text = event_to_json(one), dump_event(one)
    work: dict[str, Callable[[], object]] = {
        "event_to_json": lambda: event_to_json(one),
        "event_from_json": lambda: event_from_json(data),
        "dump_event": lambda: dump_event(one),
        "parse_event": lambda: parse_event(text),
    }
    for name, function in work.items():
        cpu = time.process_time()
        for _ in range(20_000):
            function()
        print(f"{name:34}{(time.process_time() - cpu) / 20_000 * 1e6:8.2f} us CPU   bar 8")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        if sys.argv[1:] == ["appends"]:
            asyncio.run(only_appends(Path(folder)))
            return
        codec()
        asyncio.run(in_memory())
        asyncio.run(sqlite(Path(folder)))
        with_slow_fsyncs(Path(folder))


if __name__ == "__main__":
    main()
