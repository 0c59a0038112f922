"""A process that is asked to run a task and to die at a given place, by SIGKILL, as often as it is asked to.

It reads a job per line from its standard input: `{"case", "database", "effects", "die_at", "stop_at", "mode"}`, forks,
lets the child do the job, and answers with a line `{"status", "places", "pid"}`: how the child ended (None: it was
stopped by SIGSTOP), and how many places it came by. The mode `continue` with a `pid` wakes a stopped child and answers
with how it ended. Forking is what makes a whole matrix cheap; the program starts no thread and no loop itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from crash_config import AGENTS_WITH_TOOLS, Effects, config_of, planned_provider, tools_of

from hector import Runtime
from hector.message import Decision, Event
from hector.spi import SessionKey, TaskRecord, Tasks

JOB_TIMEOUT_S = 60


class Places:
    """Counts the places where the process may die or be stopped, and does so at one of them."""

    def __init__(self, die_at: int | None, stop_at: int | None = None) -> None:
        self.count = 0
        self._die_at = die_at
        self._stop_at = stop_at

    def step(self, _name: str) -> None:
        """Come by a place."""
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self._stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)


class DyingTasks:
    """Tasks whose every append may be the last thing that happens, or may not happen any more."""

    def __init__(self, tasks: Tasks, places: Places) -> None:
        self._tasks = tasks
        self._places = places

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)

    async def append(self, key: SessionKey, events: Sequence[Event], **rest: Any) -> Any:
        self._places.step("before append")
        done = await self._tasks.append(key, events, **rest)
        self._places.step("after append")
        return done

    async def claim(self, id: str, **rest: Any) -> TaskRecord | None:
        self._places.step("before claim")
        claimed = await self._tasks.claim(id, **rest)
        self._places.step("after claim")
        return claimed


class DyingSessions:
    """The same for sessions."""

    def __init__(self, sessions: Any, places: Places) -> None:
        self._sessions = sessions
        self._places = places
        self.tasks = DyingTasks(sessions.tasks, places)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sessions, name)

    async def append(self, key: SessionKey, events: Sequence[Event], **rest: Any) -> Any:
        self._places.step("before append")
        done = await self._sessions.append(key, events, **rest)
        self._places.step("after append")
        return done


@asynccontextmanager
async def opened(job: dict[str, Any], places: Places) -> AsyncGenerator[Runtime]:
    """The runtime of a job, over a store that may die."""
    from hector.runtime.sessions import open_stored_sessions

    config = config_of(job["case"], job["database"], job.get("service", ""))
    tools = tools_of(Effects(Path(job["effects"])), places.step)
    async with open_stored_sessions({**config, "llms": {}, "agents": {}}) as (_, store):
        sessions: Any = DyingSessions(store, places)
        async with Runtime.open(
            config,
            env={},
            sessions=sessions,
            providers=[planned_provider(places.step)],
            direct_tools=dict.fromkeys(AGENTS_WITH_TOOLS, tools),
        ) as runtime:
            yield runtime


async def do(job: dict[str, Any], places: Places) -> None:
    """Begin the task, or see it through after a crash, approving whatever asks."""
    async with asyncio.timeout(JOB_TIMEOUT_S), opened(job, places) as runtime:
        if job["mode"] == "begin":
            async for _ in runtime.run("main", "go", session="s", user="ada", task="t"):
                pass
        await see_through(runtime)


async def see_through(runtime: Runtime) -> None:
    """Wait until the task has ended; there is none if the process died before it began."""
    from hector.errors import HectorError, TaskNotFoundError

    while True:
        try:
            record = await runtime.tasks.get("t")
        except TaskNotFoundError:
            return
        if record.has_ended:
            return
        if record.state == "waiting":
            for pending in await runtime.tasks.approvals(task="t"):
                approval = pending.event.approval
                assert approval is not None
                decision = Decision(
                    call_id=pending.call.id, call_hash=approval.call_hash, choice="approve"
                )
                try:
                    await runtime.tasks.decide("t", decision)
                except HectorError:
                    continue
        await asyncio.sleep(0.01)  # another task of this loop works on it


def run_child(job: dict[str, Any], answer: int) -> None:
    """The child's whole life."""
    places = Places(job.get("die_at"), job.get("stop_at"))
    asyncio.run(do(job, places))
    said = {"places": places.count, "modules": sorted(sys.modules) if job["is_first"] else []}
    with os.fdopen(answer, "w") as writer:
        json.dump(said, writer)


def fork(job: dict[str, Any], others: set[int]) -> dict[str, Any]:
    """Have a child do a job; `others` are the ends of pipes that are not its business."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        for end in others:
            os.close(end)
        try:
            run_child(job, writer)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            print(repr(error), file=sys.stderr)  # noqa: T201
            os._exit(1)
        os._exit(0)
    os.close(writer)
    if job.get("stop_at") is not None:
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            others.add(reader)
            return {"status": None, "places": 0, "pid": child}
        os.close(reader)
        return {"status": os.waitstatus_to_exitcode(status), "places": 0, "pid": child}
    with os.fdopen(reader) as answer:
        said = json.loads(answer.read() or "{}")
    _, status = os.waitpid(child, 0)
    return {"status": os.waitstatus_to_exitcode(status), "places": 0, "pid": child, **said}


def main() -> None:
    """Do jobs until there are no more."""
    print("ready", flush=True)  # noqa: T201 - this is how it speaks
    is_first = True
    kept: set[int] = set()
    stopped: set[int] = set()
    for line in sys.stdin:
        job = {**json.loads(line), "is_first": is_first}
        if job["mode"] == "continue":
            os.kill(job["pid"], signal.SIGCONT)
            stopped.discard(job["pid"])
            _, status = os.waitpid(job["pid"], 0)
            done: dict[str, Any] = {"status": os.waitstatus_to_exitcode(status), "places": 0}
        else:
            done = fork(job, kept)
            if done["status"] is None:
                stopped.add(done["pid"])
        for name in done.pop("modules", ()):  # what the first child needed, the next ones have
            is_first = False
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        print(json.dumps(done), flush=True)  # noqa: T201
    for pid in stopped:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
