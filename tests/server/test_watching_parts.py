"""The watcher in this process: what it notices, what it leaves behind, and what it says of a failure."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from watch_stage import config_text

from hector_server.watching.contents import Contents, read_contents
from hector_server.watching.notices import polling_interval_s
from hector_server.watching.thread import WatchThread
from hector_server.watching.watcher import Watcher, read_watched
from hector_server.watching.way import find_way

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and signals of POSIX")


@attrs.define
class Asked:
    """Counts the reloads that a watcher asks for."""

    count: int = 0
    during: Callable[[], object] = lambda: None
    came: asyncio.Condition = attrs.field(factory=asyncio.Condition)

    async def reload(self) -> None:
        self.during()
        async with self.came:
            self.count += 1
            self.came.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: self.count >= count)


@asynccontextmanager
async def watching(file: Path, asked: Asked, debounce_s: float = 0.02) -> AsyncGenerator[Watcher]:
    watcher = Watcher(file, read_watched(file), asked.reload, lambda: debounce_s)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run())
        yield watcher
        task.cancel()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "hector.yaml"
    file.write_text(config_text("Helps."))
    return file


def descriptors() -> Counter[str]:
    links = list(Path("/proc/self/fd").iterdir())
    return Counter(str(link.readlink()) for link in links if link.is_symlink())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


# What leads to a file


def test_a_way_holds_every_folder_and_link_that_leads_to_a_file(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "real" / "deep").mkdir(parents=True)
    (root / "real" / "deep" / "a.yaml").touch()
    (root / "link").symlink_to("real/deep")
    (root / "real" / "b.yaml").symlink_to("../link/a.yaml")
    way = find_way([root / "link" / ".." / "b.yaml", root / "none" / "c.yaml"])
    ours = {
        Path(name).relative_to(root).as_posix() for name in way.names if name.startswith(f"{root}/")
    }

    # `link/..` is the folder above what the link leads to, as the system sees it
    assert ours == {
        "link",
        "real",
        "real/deep",
        "real/b.yaml",
        "real/deep/a.yaml",
        "none",
        "none/c.yaml",
    }
    assert str(root) in way.folders
    assert str(root / "real" / "deep") in way.folders
    assert str(root / "none") not in way.folders
    assert way.leads_over(str(root / "link"))
    assert not way.leads_over(str(root / "real" / "deep" / "a.yaml~"))


def test_links_in_a_circle_end_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert find_way([tmp_path / "a"]).leads_over(str(tmp_path.resolve() / "b"))


# What files hold


def test_contents_tell_bytes_from_times(tmp_path: Path) -> None:
    file, none, folder = tmp_path / "a", tmp_path / "none", tmp_path / "folder"
    file.write_text("one")
    folder.mkdir()
    before = read_contents([file, none, folder])
    os.utime(file, ns=(1, 1))
    touched = read_contents([file, none, folder], before)
    assert touched.digests == before.digests
    assert touched.stamps != before.stamps
    assert before.there == {file, folder}
    none.write_text("")  # an empty file is not an absent one
    assert read_contents([file, none, folder], touched).digests != before.digests


def test_a_young_file_is_read_again_though_its_stamp_is_the_same(tmp_path: Path) -> None:
    """Two writes within one tick of the clock of the file system."""
    file = tmp_path / "a"
    file.write_text("one")
    state = read_contents([file]).states[file]
    assert state.is_fresh
    known = Contents({file: attrs.evolve(state, digest="as before")})
    assert read_contents([file], known).digests == {file: state.digest}


def test_an_old_file_is_not_read_again(tmp_path: Path) -> None:
    """What polling costs: a look at the times, not the bytes."""
    file = tmp_path / "a"
    file.write_text("one")
    state = attrs.evolve(read_contents([file]).states[file], digest="as before", is_fresh=False)
    known = Contents({file: state})
    assert read_contents([file], known).digests == {file: "as before"}


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_contents([tmp_path / "pipe"]).there


@pytest.mark.parametrize(
    ("force", "delay", "expected"),
    [("", "", None), ("1", "", 0.3), ("true", "50", 0.05), ("false", "50", None), ("1", "0", 0.01)],
)
def test_watchfiles_own_variables_choose_polling(
    monkeypatch: pytest.MonkeyPatch, force: str, delay: str, expected: float | None
) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", force)
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", delay)
    assert polling_interval_s() == expected


# The watcher


async def test_a_save_between_the_reading_of_the_config_and_the_first_look_counts(
    config: Path,
) -> None:
    asked = Asked()
    known = read_watched(config)
    config.write_text(config_text("While it starts"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Watcher(config, known, asked.reload, lambda: 0.0).run())
        await asked.until(1)
        task.cancel()
    assert asked.count == 1


async def test_a_save_during_a_reload_is_not_lost(config: Path) -> None:
    texts = iter(["Second", "Third"])

    def save_again() -> None:
        if (text := next(texts, None)) is not None:
            config.write_text(config_text(text))

    asked = Asked(during=save_again)
    async with watching(config, asked):
        config.write_text(config_text("First"))
        await asked.until(3)


async def test_a_file_put_back_during_a_reload_is_read_again(config: Path) -> None:
    """The reload may have read what stood there in between."""
    good = config_text("Good")
    turns = iter([True])

    def flicker() -> None:
        if next(turns, False):
            config.write_text(config_text("In between"))
            config.write_text(good)

    asked = Asked(during=flicker)
    async with watching(config, asked):
        config.write_text(good)
        await asked.until(2)


async def test_many_saves_in_a_row_are_one_reload(config: Path) -> None:
    asked = Asked()
    async with watching(config, asked, debounce_s=0.3):
        for number in range(10):
            config.write_text(config_text(f"Number {number}"))
            await asyncio.sleep(0.02)
        await asked.until(1)
        known = read_watched(config)
    assert asked.count == 1
    assert known.digests


async def test_somebody_who_never_stops_writing_does_not_put_the_reload_off_for_good(
    config: Path,
) -> None:
    asked = Asked()
    async with watching(config, asked, debounce_s=0.2), asyncio.TaskGroup() as group:

        async def write() -> None:
            number = 0
            while True:
                number += 1
                config.write_text(config_text(f"Number {number}"))
                await asyncio.sleep(0.02)

        writing = group.create_task(write())
        await asked.until(1)
        writing.cancel()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what Linux shows")
async def test_nothing_stays_behind_however_often_it_starts_and_stops(config: Path) -> None:
    def threads() -> int:
        # Those of watchfiles too, which Python does not know; the loop's own pool grows when it likes.
        pool = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]
        return sum(1 for _ in Path("/proc/self/task").iterdir()) - len(pool)

    asked = Asked()
    before, count = descriptors(), threads()
    for number in range(40):
        async with watching(config, asked):
            if number % 4 == 0:
                config.write_text(config_text(f"Number {number}"))
                await asked.until(number // 4 + 1)
            else:
                await asyncio.sleep(number * 0.002)
    await until(lambda: threads() <= count)
    await until(lambda: descriptors() <= before)  # those of an earlier test may go meanwhile
    # Nobody waits for the last thread's last step, so that a hung file system holds up no end.
    await until(lambda: not any("hector-watch" in thread.name for thread in threading.enumerate()))


async def test_what_opens_during_a_cancellation_is_closed() -> None:
    opening, closed = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Opened:
        def close(self) -> None:
            closed.set()

    def opens_late(stop: threading.Event) -> Opened:
        loop.call_soon_threadsafe(opening.set)
        stop.wait(10)
        return Opened()

    with WatchThread.open() as thread:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(thread.opened(opens_late, thread.stop))
            await opening.wait()
            task.cancel()
    assert closed.is_set()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what Linux shows")
async def test_without_a_watch_from_the_system_it_looks_each_second(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All descriptors but two are taken, and inotify needs three."""
    asked = Asked()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with caplog.at_level(logging.WARNING, "hector_server"):
        read_watched(config)  # what it imports is imported
        async with watching(config, asked):
            highest = max(int(link.name) for link in Path("/proc/self/fd").iterdir())
            taken = [os.dup(0) for _ in range(highest)]
            used = max(taken)
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, hard))
            try:
                config.write_text(config_text("First"))
                await asked.until(1)
                config.write_text(config_text("Second"))
                await asked.until(2)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for number in taken:
                    os.close(number)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("the system does not tell of changed files (")
    assert told[0].endswith("): looking each second")
