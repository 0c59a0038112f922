"""A replica: it begins tasks one after the other, several at a time, and takes up those of replicas that died.

Its only argument is a JSON object: `{"case", "database", "effects", "name", "at_once", "is_starting"}`. It prints
`ready` once its runtime is open, begins tasks until SIGTERM, and ends when its own have. Without `is_starting` it
begins none, prints how many tasks have not ended each time that number changes, and ends when it is 0.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from crash_config import AGENTS_WITH_TOOLS, Effects, config_of, planned_provider, tools_of

from hector import Runtime
from hector.errors import HectorError

OPEN_STATES = ("running", "ready", "waiting")


def _nowhere(_place: str) -> None:
    """This process dies when it is killed, not at a place of its own."""


async def begin_tasks(runtime: Runtime, job: dict[str, Any], stop: asyncio.Event, at: int) -> None:
    """One task after the other, each in a session of its own."""
    number = 0
    while not stop.is_set():
        number += 1
        name = f"{job['name']}-{at}-{number}"
        try:
            async for _ in runtime.run("main", "go", session=name, user="ada", task=name):
                pass
        except HectorError as error:  # such as a task that another replica took over meanwhile
            print(f"{name}: {error.code}", file=sys.stderr, flush=True)  # noqa: T201


async def wait_for_the_end(runtime: Runtime) -> None:
    """Until no task of any replica is left."""
    told = -1
    while True:
        page = await runtime.tasks.list(states=OPEN_STATES, limit=1000)
        if len(page.tasks) != told:
            told = len(page.tasks)
            print(told, flush=True)  # noqa: T201 - this is how it speaks
        if not told:
            return
        await asyncio.sleep(0.05)  # other replicas' work cannot be waited for otherwise


async def main(job: dict[str, Any]) -> None:
    """See the module."""
    tools = tools_of(Effects(Path(job["effects"])), _nowhere)
    async with Runtime.open(
        config_of(job["case"], job["database"]),
        env={},
        providers=[planned_provider(_nowhere)],
        direct_tools=dict.fromkeys(AGENTS_WITH_TOOLS, tools),
    ) as runtime:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        print("ready", flush=True)  # noqa: T201 - this is how it speaks
        if not job["is_starting"]:
            await wait_for_the_end(runtime)
            return
        async with asyncio.TaskGroup() as group:
            for at in range(job["at_once"]):
                group.create_task(begin_tasks(runtime, job, stop, at))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
