"""A served config that changes all the time, half of its saves broken, while a crowd listens to streams."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

CLIENTS = 100
WORDS = 6
PAUSE_S = 0.1
FLIP_S = 0.2

PLUGIN = f"""\
import asyncio

import attrs

from hector.message import TextPart
from hector.plugin import hookimpl
from hector.spi import LLMResponse, Provider, TextDelta


@attrs.frozen(kw_only=True)
class Settings:
    tag: str


class Paced:
    model = provider = "paced"

    def __init__(self, settings):
        self.word = settings.tag + " "

    async def generate(self, request):
        for _ in range({WORDS}):
            await asyncio.sleep({PAUSE_S})
            yield TextDelta(text=self.word)
        yield LLMResponse(parts=(TextPart(self.word * {WORDS}),))


@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="paced", settings=Settings, create=lambda settings, _: Paced(settings))]
"""

CONFIG = """\
name: soak
server:
  reload: {{debounce: 0.02, max_draining: 16}}
llms:
  default: {{provider: paced, tag: {tag}}}
  later: {{provider: paced, tag: {tag}}}
agents:
  helper: {{type: sequential, sub_agents: [first, second]}}
  first: {{visibility: internal}}
  second: {{llm: later, visibility: internal}}
"""

BROKEN = (
    "name: soak\nllms: [",
    "name: soak\nagents:\n  helper: {llm: nobody}\n",
    "nonsense: true\n",
    "llms:\n  default: {provider: paced}\nagents:\n  helper: {}\n",
)

MESSAGE = {"messageId": "1", "role": "ROLE_USER", "parts": [{"text": "Hello"}]}
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "SendStreamingMessage",
    "params": {"message": MESSAGE},
}


def install(folder: Path) -> None:
    """Put the plugin where the server finds it, as pip would."""
    site = folder / "site"
    info = site / "hector_plugin_paced-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "hector_plugin_paced.py").write_text(PLUGIN)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: hector-plugin-paced\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text("[hector.plugins]\npaced = hector_plugin_paced\n")


def save(file: Path, text: str) -> None:
    """Replace the file at once, as editors do."""
    beside = file.with_name(".new")
    beside.write_text(text)
    beside.replace(file)


@attrs.define
class Log:
    """What the server says on its standard error stream; read all the time, so that it never blocks."""

    lines: list[str] = attrs.field(factory=list[str])

    async def follow(self, process: Process, ready: asyncio.Future[str]) -> None:
        assert process.stderr is not None
        while line := (await process.stderr.readline()).decode():
            self.lines.append(line.rstrip())
            found = re.search(r"ready at (http://\S+)", line)
            if found and not ready.done():
                ready.set_result(found[1])
        if not ready.done():
            ready.set_exception(RuntimeError("\n".join(self.lines)))


@asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple[str, Log]]:
    """`hector serve --watch` on a config; its address and its log. It must end well."""
    install(folder)
    save(folder / "hector.yaml", CONFIG.format(tag="c0"))
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "hector",
            "serve",
            "--watch",
            "--port",
            "0",
            "--log-level",
            "warning",
        ),
        cwd=folder,
        stderr=PIPE,
        env=environment,
    )
    log, ready = Log(), asyncio.get_running_loop().create_future()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(log.follow(process, ready))
            async with asyncio.timeout(20):
                address = await ready
            yield address, log
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await process.wait() == 0, log.lines[-20:]
    except BaseException as error:
        error.add_note(
            "\n".join((f"the server ({process.returncode}) said last:", *log.lines[-20:]))
        )
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@attrs.define
class Crowd:
    """Clients that ask again as soon as they were answered.

    Each has a pool of its own: what one pool does for a request grows with the square of its
    connections, and a crowd on one pool would measure its own client.

    Attributes:
        clients: one for each that listens; somebody else closes them.
        seconds: how long each stream took.
        tags: of the configs that answered.
    """

    clients: list[httpx.AsyncClient]
    seconds: list[float] = attrs.field(factory=list[float])
    tags: set[str] = attrs.field(factory=set[str])

    async def listen(self, seconds: float) -> None:
        """Ask for that long, then let every stream end."""
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for http in self.clients:
                group.create_task(self._client(http, until))

    async def _client(self, http: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            started = time.monotonic()
            results = await self._stream(http)
            self.seconds.append(time.monotonic() - started)
            self._check(results)

    async def _stream(self, http: httpx.AsyncClient) -> list[dict[str, Any]]:
        headers = {"A2A-Version": "1.0"}
        async with http.stream("POST", "/agents/helper", json=CALL, headers=headers) as response:
            assert response.status_code == 200
            return [
                json.loads(line.removeprefix("data: "))["result"]
                async for line in response.aiter_lines()
                if line.startswith("data: ")
            ]

    def _check(self, results: list[dict[str, Any]]) -> None:
        """It completed, is whole, and every word is of one config."""
        states = [
            item["statusUpdate"]["status"]["state"] for item in results if "statusUpdate" in item
        ]
        assert states[-1] == "TASK_STATE_COMPLETED", results[-1]
        words = [
            word
            for item in results
            if "artifactUpdate" in item
            for part in item["artifactUpdate"]["artifact"]["parts"]
            for word in part.get("text", "").split()
        ]
        assert len(words) == 2 * WORDS, words
        assert len(set(words)) == 1, words
        self.tags.add(words[0])


async def flip(file: Path, is_over: Callable[[], bool]) -> int:
    """Save again and again, every other time something broken; gives how many good ones there were."""
    number = 0
    while not is_over():
        number += 1
        good = CONFIG.format(tag=f"c{number // 2}")
        save(file, good if number % 2 == 0 else BROKEN[number // 2 % len(BROKEN)])
        await asyncio.sleep(FLIP_S)
    return number // 2


@asynccontextmanager
async def crowd_of_clients(address: str) -> AsyncGenerator[list[httpx.AsyncClient]]:
    """As many clients as listen, each with one connection that it keeps."""
    one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    trust = httpx.create_ssl_context()
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=address, timeout=30, limits=one, verify=trust)
            )
            for _ in range(CLIENTS)
        ]


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]


async def soak(folder: Path, seconds: float, record: Callable[[str, object], None]) -> None:
    """Listen undisturbed, then while the config flips; nothing may fail, and little may be slower."""
    async with served(folder) as (address, log), crowd_of_clients(address) as clients:
        await Crowd(clients).listen(0.1)  # connections, caches
        calm, stormy = Crowd(clients), Crowd(clients)
        await calm.listen(seconds / 3)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(stormy.listen(seconds))
            flipping = group.create_task(flip(folder / "hector.yaml", listening.done))
        health = (await clients[0].get("/health")).json()
    good = flipping.result()
    added_s = p99(stormy.seconds) - p99(calm.seconds)
    figures = {
        "streams": len(stormy.seconds),
        "saves": 2 * good,
        "generations": health["generation"],
        "p99_undisturbed_ms": round(p99(calm.seconds) * 1000),
        "p99_reloading_ms": round(p99(stormy.seconds) * 1000),
        "p99_added_ms": round(added_s * 1000),
    }
    for name, figure in figures.items():
        record(name, figure)
    assert calm.tags == {"c0"}
    assert health["status"] == "ok"
    assert health["generation"] > good // 2, (figures, log.lines[-20:])
    assert len(stormy.tags) > good // 4, stormy.tags
    assert added_s < 1, figures


@pytest.mark.alone
async def test_a_crowd_notices_nothing_of_reloads(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """No request fails, no stream is cut or mixes two configs."""
    await soak(tmp_path, 5, record_property)


@pytest.mark.long
async def test_a_crowd_notices_nothing_of_many_reloads(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The same for two minutes."""
    await soak(tmp_path, 120, record_property)
