"""Plays one history of a task again and again, and dies by SIGKILL before its n-th statement.

A program: the classes of the store and its settings, the URL, other settings, and which methods of the driver send
statements (`dies_in`) are JSON on stdin. The n-th life works on session and task `life n`, and has a line on stdout
with n and how many steps had returned; the last line is of the life that was not killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint
from typing import Any

from hector.message import Actions, Event
from hector.spi import Checkpoint, Secret, SessionKey, TaskRecord, Tasks

__all__ = ["STEPS", "a_task", "key_of", "load"]

Step = Callable[[Tasks, str], Awaitable[object]]


def load(place: str) -> Any:
    return EntryPoint(name="", value=place, group="").load()


def key_of(name: str) -> SessionKey:
    return SessionKey("app", "ada", name)


def a_task(id: str, key: SessionKey, **changes: Any) -> TaskRecord:
    values: dict[str, Any] = {"agent": "helper", "invocation_id": "i", "started_at": 1.0}
    values |= {"updated_at": 1.0, **changes}
    return TaskRecord(id=id, key=key, **values)


def event(id: str, **delta: Any) -> Event:
    actions = Actions(state_delta=delta)
    return Event(id=id, kind="state", invocation_id="i", author="helper", actions=actions)


def row(name: str, sequence: int, **changes: Any) -> TaskRecord:
    checkpoint = Checkpoint(sequence=sequence, phase="after_tools", taken_at=1.0)
    return a_task(name, key_of(name), checkpoint=checkpoint, **changes)


STEPS: list[Step] = [
    lambda it, name: it.append(key_of(name), [event("a", x=1)], head=0, task=row(name, 1)),
    lambda it, name: it.append(
        key_of(name), [event("b", x=2), event("c", y=1)], head=1, task=row(name, 3, owner="x")
    ),
    lambda it, name: it.claim(name, owner="y", epoch=0),
    lambda it, name: it.append(
        key_of(name), [event("d", x=3)], head=3, epoch=1, task=row(name, 4, epoch=1, owner="y")
    ),
    lambda it, name: it.update(row(name, 4, epoch=2, state="ready"), epoch=1),
    lambda it, name: it.append(
        key_of(name), [event("e")], head=4, epoch=1, task=row(name, 5, epoch=2, state="failed")
    ),
]


class Doom:
    """Kills the process before a statement."""

    def __init__(self, dies_at: int) -> None:
        self._left = dies_at
        self.is_on = False

    def watch(self, place: str, names: list[str]) -> None:
        owner = load(place)
        for name in names:
            setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **more: Any) -> Any:
            if self.is_on:
                self._left -= 1
                if not self._left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments, **more)

        return run


async def live(given: dict[str, Any], number: int, told: int) -> None:
    """Play the history; a byte to `told` after each step."""
    doom = Doom(number)
    for place, names in given["dies_in"].items():
        doom.watch(place, names)
    settings = load(given["settings"])(url=Secret(given["url"]), **given["more"])
    async with load(given["store"])(settings) as sessions:
        name = f"life {number}"
        await sessions.create(key_of(name))
        doom.is_on = True
        for step in STEPS:
            await step(sessions.tasks, name)
            os.write(told, b".")
        doom.is_on = False


def main(given: dict[str, Any]) -> None:
    for place in given["dies_in"]:
        load(place)
    number, is_killed = 0, True
    while is_killed:
        number += 1
        heard, told = os.pipe()
        process = os.fork()
        if not process:
            asyncio.run(live(given, number, told))
            os._exit(0)
        os.close(told)
        done = 0
        while more := os.read(heard, 100):
            done += len(more)
        os.close(heard)
        _, status = os.waitpid(process, 0)
        is_killed = os.WIFSIGNALED(status)
        os.write(1, f"{number} {done}\n".encode())


if __name__ == "__main__":
    main(json.load(sys.stdin))
