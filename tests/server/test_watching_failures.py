"""A reload that fails is told, with what to do, and ends neither the server nor the watching."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from watch_stage import config_text, serving_file

from hector import Runtime
from hector.errors import ComponentError
from hector.spi import Provider, Tool
from hector_server import Ready, serve
from hector_server.hangup import HangUp
from hector_server.log import JSONFormatter
from hector_server.watching import reload_when_asked
from hector_server.watching.watcher import read_watched

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@attrs.frozen
class DoorSettings:
    """What the door is to do."""

    does: str = "open"
    label: str = ""


class OpenDoor:
    """A toolset without tools."""

    def tools(self) -> list[Tool]:
        return []


@attrs.define
class Doors:
    """A provider whose toolset opens, fails or hangs as its settings say."""

    tried: int = 0
    is_hanging: asyncio.Event = attrs.field(factory=asyncio.Event)
    was_canceled: bool = False

    async def create(self, settings: DoorSettings, context: object) -> OpenDoor:
        self.tried += 1
        if settings.does == "fail":
            raise ComponentError("tools.door", "is locked", hint="bring the key")
        if settings.does == "break":
            raise KeyError("a bug of the provider")
        if settings.does == "hang":
            self.is_hanging.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.was_canceled = True
                raise
        return OpenDoor()

    @property
    def provider(self) -> Provider:
        return Provider(kind="toolset", type="door", settings=DoorSettings, create=self.create)


def text(does: str, label: str = "", timeout: str = "30s") -> str:
    return (
        "name: app\nllms: {default: {provider: offline}}\n"
        f"tools: {{door: {{type: door, does: {does}, label: '{label}'}}}}\n"
        "agents: {helper: {description: Helps., tools: [door]}}\n"
        f"server: {{build_timeout: {timeout}, reload: {{debounce: 20ms}}}}\n"
    )


class Log(logging.Handler):
    """Records as the formatter of JSON writes them, waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter())
        self.records: list[dict[str, Any]] = []
        self._came = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(json.loads(self.format(record)))
        self._came.set()

    async def has(self, message: str, since: int = 0) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                for record in self.records[since:]:
                    if message in record["message"]:
                        return record
                self._came.clear()
                await self._came.wait()


@pytest.fixture
async def log() -> AsyncGenerator[Log]:
    logger = logging.getLogger("hector_server.watching")
    handler = Log()
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "hector.yaml"
    file.write_text(text("open"))
    return file


@asynccontextmanager
async def watched(
    file: Path, doors: Doors, *, is_logging_problems: bool = False
) -> AsyncGenerator[Runtime]:
    known = read_watched(file)
    async with (
        Runtime.open(file, providers=[doors.provider]) as runtime,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(
            reload_when_asked(
                runtime,
                config=file,
                hangup=HangUp(),
                known=known,
                is_logging_problems=is_logging_problems,
            )
        )
        yield runtime
        task.cancel()


async def test_a_component_that_does_not_open_is_told_with_code_and_hint(
    file: Path, log: Log
) -> None:
    doors = Doors()
    async with watched(file, doors) as runtime:
        file.write_text(text("fail"))
        record = await log.has("failed")
        file.touch()  # no reason to try again
        file.write_text(text("open"))
        await log.has("nothing changed, generation 1 goes on")
        assert doors.tried == 2  # at the start, and once for the save
        file.write_text(text("open", label="new"))
        await log.has("generation 2 runs: rebuilt agents.helper, tools.door; 1 carried over (")
        assert runtime.generation == 2

    assert record["message"] == (
        "reload (watch) failed: generation 1 goes on; it is not tried again before the next change or SIGHUP\n"
        "[H301] `tools.door` did not open: `tools.door` is locked\n  hint: bring the key"
    )
    assert record["level"] == "error"
    assert (record["code"], record["hint"]) == ("H301", "bring the key")


async def test_a_bug_of_a_provider_and_a_timeout_end_nothing(file: Path, log: Log) -> None:
    async with watched(file, Doors()):
        file.write_text(text("break"))
        await log.has("failed: generation 1 goes on")
        since = len(log.records)
        file.write_text(text("hang", timeout="100ms"))
        await log.has("failed: generation 1 goes on", since)
        file.write_text(text("open", label="new"))
        await log.has("generation 2 runs")


async def test_a_save_that_hangs_does_not_keep_the_next_one_waiting(file: Path, log: Log) -> None:
    """It is not built to its deadline: what was saved afterwards is what is wanted."""
    doors = Doors()
    async with watched(file, doors) as runtime:
        file.write_text(text("hang", timeout="1h"))
        await doors.is_hanging.wait()
        file.write_text(text("hang", timeout="1h").replace("does", "dose"))  # refused, ends nothing
        await log.has("1 problem, so the config cannot be used: generation 1 goes on")
        assert not doors.was_canceled
        file.write_text(text("open", label="new"))
        await log.has("reload (watch): a later reload (watch) replaced this one before it was done")
        await log.has("generation 2 runs: rebuilt agents.helper, tools.door; 1 carried over (")
        assert doors.was_canceled
        assert [item.outcome for item in runtime.history] == [
            "applied",
            "failed",
            "superseded",
            "applied",
        ]


async def test_a_signal_during_a_reload_that_hangs_reads_what_was_saved_since(
    file: Path, log: Log
) -> None:
    """Without watching, it is the only way to mend it."""
    doors, before = Doors(), signal.getsignal(signal.SIGHUP)
    hangup = HangUp.install()
    async with (
        Runtime.open(file, providers=[doors.provider]) as runtime,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(reload_when_asked(runtime, config=file, hangup=hangup))
        file.write_text(text("hang", timeout="1h"))
        signal.raise_signal(signal.SIGHUP)
        await doors.is_hanging.wait()
        file.write_text(text("open", label="new"))
        signal.raise_signal(signal.SIGHUP)
        await log.has("reload (signal): generation 2 runs: rebuilt agents.helper, tools.door")
        task.cancel()
    signal.signal(signal.SIGHUP, before)


async def test_in_a_log_of_json_each_problem_is_a_record(
    file: Path, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watched(file, Doors(), is_logging_problems=True):
        file.write_text(text("open").replace("description", "descriptoin").replace("does", "dose"))
        last = await log.has("2 problems")
        file.write_text(text("open", label="new").replace("app", "other"))
        done = await log.has("generation 2 runs")
        need = await log.has("name needs a restart: ")
    problems = [record for record in log.records if "diagnostic" in record]

    assert (last["problems"], last["generation"]) == (2, 1)
    assert {item["diagnostic"]["path"] for item in problems} == {
        "agents.helper.descriptoin",
        "tools.door.dose",
    }
    assert all(item["level"] == "error" and item["diagnostic"]["line"] for item in problems)
    assert done["reload"]["rebuilt"] == ["agents.helper", "tools.door"]
    assert done["reload"]["carried_over"] == 1
    assert need["needs_restart"]["subject"] == "name"
    assert need["level"] == "warning"
    assert capsys.readouterr().err == ""


def test_a_log_in_a_file_has_the_problems_too(tmp_path: Path) -> None:
    """Not only their number: who reads the file later has no terminal to look at."""
    config = tmp_path / "conf" / "hector.yaml"
    config.parent.mkdir()
    config.write_text(config_text("Helps.", more="logger: {file: app.log}\n"))
    with serving_file(config, "--watch") as server:
        config.write_text(config_text("Helps.", more="loger: {file: app.log}\n"))
        log = config.parent / "app.log"
        deadline = time.monotonic() + 20
        while "so the config cannot be used" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    assert (
        "hector.yaml:6:1: [H102] loger: unknown key\n  hint: did you mean `logger`?"
        in log.read_text()
    )
    assert server.count("H102") == 0


async def test_a_shutdown_cancels_the_reload_under_way(file: Path) -> None:
    """Neither the server nor the runtime waits for what hangs."""
    doors, stop, ready = Doors(), asyncio.Event(), asyncio.Queue[Ready]()
    known = read_watched(file)
    async with asyncio.timeout(10), Runtime.open(file, providers=[doors.provider]) as runtime:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve(
                    runtime,
                    port=0,
                    on_ready=ready.put_nowait,
                    stop=stop,
                    beside=lambda: reload_when_asked(
                        runtime, config=file, hangup=HangUp(), known=known
                    ),
                )
            )
            await ready.get()
            file.write_text(text("hang"))
            await doors.is_hanging.wait()
            stop.set()
        assert doors.was_canceled
        assert runtime.generation == 1
        assert runtime.health().status == "ok"


async def test_what_runs_beside_the_server_is_canceled_with_it(file: Path) -> None:
    """Also when whoever called `serve` is canceled."""
    ended = asyncio.Event()
    ready = asyncio.Queue[Ready]()

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Runtime.open(file, providers=[Doors().provider]) as runtime:
        async with asyncio.TaskGroup() as group:
            work = serve(runtime, port=0, on_ready=ready.put_nowait, beside=beside)
            task = group.create_task(work)
            await ready.get()
            task.cancel()
        assert ended.is_set()
