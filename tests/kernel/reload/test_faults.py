"""Whatever goes wrong at whichever await of a reload: no trace, or the whole new generation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from reload_exclusive import exclusive_provider
from reload_faults import Fault, Faults, Resources, resources
from reload_ledger import Ledger

from hector import ReloadReport, Runtime
from hector.spi import BuildContext, Provider, Tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts what /proc shows")

CHILD = (sys.executable, "-I", "-S", "-c", "import sys; print('up', flush=True); sys.stdin.read()")
DEADLINE_S = 10


@attrs.frozen(kw_only=True)
class ChildSettings:
    """A version, so that it can change."""

    version: str = ""


@attrs.frozen
class ChildToolset:
    """Holds a process and a file, and offers nothing."""

    process_id: int

    def tools(self) -> Sequence[Tool]:
        return ()


def child_provider(folder: Path) -> Provider:
    """Toolsets that hold a process and a file."""

    @asynccontextmanager
    async def opened(settings: ChildSettings) -> AsyncGenerator[ChildToolset]:
        with (folder / "log").open("a") as log:
            process = await asyncio.create_subprocess_exec(
                *CHILD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            try:
                log.write((await process.stdout.readline()).decode())
                yield ChildToolset(process.pid)
            finally:
                process.kill()
                await process.communicate()

    def create(settings: ChildSettings, context: BuildContext) -> Any:
        return opened(settings)

    return Provider(kind="toolset", type="child", settings=ChildSettings, create=create)


def config(version: object) -> dict[str, Any]:
    """Of two LLMs, a process, documents and three agents, most of which depend on the version."""
    text = str(version)
    ledger = {"type": "ledger", "answer": text}
    return {
        "llms": {
            "default": {"provider": "ledger", "answer": text},
            "other": {"provider": "ledger"},
        },
        "tools": {"child": {"type": "child", "version": text}, "say": {"type": "ledger"}},
        "embedders": {"default": {"provider": "ledger"}},
        "vector_stores": {"default": {"type": "ledger"}},
        "document_stores": {"docs": {"source": ledger}},
        "agents": {
            "root": {
                **ledger,
                "tools": ["say"],
                "document_stores": ["docs"],
                "sub_agents": ["sub"],
                "agent_tools": ["still"],
            },
            "sub": {"type": "ledger"},
            "still": {"type": "ledger", "llm": "other"},
        },
    }


def objects(runtime: Runtime) -> dict[str, int]:
    """The identity of every component."""
    made = {f"agent {name}": id(runtime.agent(name)) for name in runtime.agents}
    for kind, names in {
        "llm": ("default", "other"),
        "toolset": ("child", "say"),
        "embedder": ("default",),
        "vector_store": ("default",),
        "document_store": ("docs",),
    }.items():
        made |= {f"{kind} {name}": id(getattr(runtime, kind)(name)) for name in names}
    return made


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks, threads and processes end by themselves."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)


async def answer(runtime: Runtime) -> str:
    """What the root agent says, and that it ends well."""
    events = [event async for event in runtime.run("root", "hi")]
    assert events[-1].outcome == "completed"
    return next(event.text for event in events if event.kind == "message")


async def same_resources(before: Resources) -> None:
    """Nothing came to stay."""
    try:
        await eventually(lambda: resources() == before)
    except TimeoutError:
        assert resources() == before


async def warm(runtime: Runtime) -> Resources:
    """Let everything be made that is made once; what is held then."""
    for version in ("warm", 0):
        await runtime.reload(config(version))
        await answer(runtime)
        await eventually(lambda: not runtime.health().draining)
    held = [resources()]
    while len(held) < 20 or held[-1] != held[-20]:  # the processes of before end in the background
        await asyncio.sleep(0.005)
        held.append(resources())
    return held[-1]


@attrs.define
class Bench:
    """A runtime, one faulty reload after the other."""

    runtime: Runtime
    ledger: Ledger
    kind: Fault
    was: Resources
    version: int = 0
    applied: int = 0
    refused: int = 0

    async def round(self, k: int) -> Faults:
        """A reload with a fault at the k-th await, and a good one."""
        runtime, ledger = self.runtime, self.ledger
        held, open_parts = objects(runtime), set(ledger.open)
        number = runtime.generation
        self.version += 1
        faults = Faults(self.kind, k, lambda: runtime.generation == number)
        outcome = await faults.run(runtime.reload(config(self.version)))
        where = f"{self.kind} {k} in {faults.at}: {outcome!r}"
        await eventually(lambda: not runtime.health().draining)
        await same_resources(self.was)
        if isinstance(outcome, ReloadReport):
            self.applied += 1
            assert runtime.generation == number + 1, where
            assert await answer(runtime) == f"root is {self.version}", where
        else:
            self.refused += 1
            assert runtime.generation == number, where
            assert objects(runtime) == held, where
            assert ledger.open == open_parts, where
            assert await answer(runtime) == f"root is {self.version - 1}", where
        assert runtime.health().status == "ok", where
        assert ledger.faults == [], where
        self.version += 1
        report = await runtime.reload(config(self.version))
        assert report.is_changed
        assert await answer(runtime) == f"root is {self.version}", where
        await eventually(lambda: not runtime.health().draining)
        await same_resources(self.was)
        return faults


@pytest.mark.parametrize("kind", ["error", "cancelled", "cancel"])
async def test_a_fault_at_any_await_leaves_no_trace(
    kind: Fault, ledger: Ledger, tmp_path: Path
) -> None:
    """Same objects, tasks, threads, descriptors and processes as before; it answers, and reloads."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    providers = (*ledger.providers(), child_provider(tmp_path))
    async with Runtime.open(config(0), env={}, providers=providers) as runtime:
        bench = Bench(runtime, ledger, kind, await warm(runtime))
        k = 1
        while (await bench.round(k)).at:
            k += 1
    assert not ledger.open
    assert bench.refused > 10
    assert k > 20


def locking(version: int) -> dict[str, Any]:
    """Of an LLM that holds a file, and an agent that uses it."""
    return {
        "llms": {"default": {"provider": "locked", "answer": str(version)}},
        "agents": {"root": {"type": "ledger", "answer": str(version)}},
    }


def is_armed(runtime: Runtime, number: int, kind: Fault) -> bool:
    """Before the swap; errors only where code of others runs."""
    task = asyncio.current_task()
    is_foreign = task is not None and task.get_name().startswith("component")
    return runtime.generation == number and (kind == "cancel" or is_foreign)


@pytest.mark.parametrize("kind", ["error", "cancelled", "cancel"])
async def test_a_fault_while_an_exclusive_thing_changes_hands(kind: Fault, ledger: Ledger) -> None:
    """The old config or the new one answers, wholly; the thing is held once, and changes hands again."""
    locks = set[str]()
    providers = (*ledger.providers(), exclusive_provider(ledger, locks))
    async with Runtime.open(locking(0), env={}, providers=providers) as runtime:
        version, k, is_hit = 0, 0, True
        while is_hit:
            k += 1
            number = runtime.generation
            faults = Faults(kind, k, lambda: is_armed(runtime, number, kind))  # noqa: B023
            outcome = await faults.run(runtime.reload(locking(version + 1)))
            is_hit = bool(faults.at)
            where = f"{kind} {k} in {faults.at}: {outcome!r}"
            await eventually(lambda: not runtime.health().draining)
            version += isinstance(outcome, ReloadReport)
            assert runtime.health().status == "ok", where
            assert await answer(runtime) == f"root is {version}", where
            assert {part.answer for part in ledger.open} == {str(version)}, where
            assert len(ledger.open) == 2, where
            assert ledger.faults == [], where
            version += 1
            await runtime.reload(locking(version))
            assert await answer(runtime) == f"root is {version}", where
            assert locks == {"one"}, where
    assert k > 5
    assert locks == set()
