"""Asking the crash program for jobs, and judging what a crash left."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
from crash_config import Effects, config_of

from hector.message import Event, ToolCall, ToolResult, text_of
from hector.runtime.sessions import open_stored_sessions
from hector.spi import SessionKey

__all__ = ["CrashProgram", "Outcome", "check", "check_alone", "crash_program", "read_log"]

KEY = SessionKey("crash", "ada", "s")
PROGRAM = Path(__file__).parent / "crash_program.py"


class CrashProgram:
    """The program, as long as it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, **job: Any) -> tuple[int, int]:
        """Have a job done: the exit status (-9: it died as it should), and how many places it came by."""
        answer = self.ask(**job)
        return answer["status"], answer["places"]

    def ask(self, **job: Any) -> dict[str, Any]:
        """Have a job done: the whole answer."""
        to, answers = self._streams()
        to.write(json.dumps(job) + "\n")
        to.flush()
        return json.loads(answers.readline())

    def _streams(self) -> tuple[IO[str], IO[str]]:
        to, answers = self._process.stdin, self._process.stdout
        assert to is not None
        assert answers is not None
        return to, answers


@contextmanager
def crash_program() -> Generator[CrashProgram]:
    """Start the program; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield CrashProgram(process)
    finally:
        process.communicate(timeout=60)  # closes its input, and so it ends


@attrs.frozen
class Outcome:
    """What a job left behind.

    Attributes:
        events: the log.
        effects: tool, key and arguments, in the order in which they happened.
        epoch: of the task's row.
        state: of the task's row.
    """

    events: Sequence[Event]
    effects: Sequence[Sequence[Any]]
    epoch: int
    state: str

    @property
    def answers(self) -> Sequence[str]:
        """What was said by anybody, by branch."""
        return [
            f"{branch}: {text}" for branch, texts in _answers(self.events).items() for text in texts
        ]


def read_log(case: str, database: dict[str, Any], effects: Path) -> Outcome | None:
    """What there is; None: the task never began."""

    async def read() -> Outcome | None:
        config: dict[str, Any] = {**config_of(case, database), "llms": {}, "agents": {}}
        async with open_stored_sessions(config) as (_, sessions):
            store: Any = sessions
            session, row = await sessions.load(KEY), await store.tasks.get("t")
            if session is None or row is None:
                return None
            return Outcome(session.events, Effects(effects).read(), row.epoch, row.state)

    return asyncio.run(read())


def check(outcome: Outcome, undisturbed: Outcome, *, crashes: int) -> None:
    """It is sound, and ended as it would have without a crash."""
    check_alone(outcome, crashes=crashes)
    events = outcome.events
    assert _steps(events) == _steps(undisturbed.events)
    assert _answers(events) == _answers(undisturbed.events)


def check_alone(outcome: Outcome, *, crashes: int | None = None) -> None:
    """No recorded step is lost or repeated, and an effect is repeated at most once per crash, with the same key.

    Args:
        outcome: of one task.
        crashes: how many there were; None: as many as the task was taken over.
    """
    events = outcome.events
    assert outcome.state == "completed"
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events].count("started") == 1
    ends = [event for event in events if event.kind == "finished"]
    assert ends[-1] is events[-1]
    assert ends[-1].outcome == "completed"
    _check_results(events)
    _check_effects(outcome, outcome.epoch if crashes is None else crashes)


def _check_results(events: Sequence[Event]) -> None:
    """Each call has one result, and none before its intent."""
    begun: set[tuple[str, str]] = set()
    done: set[tuple[str, str]] = set()
    for event in events:
        for part in event.parts:
            if isinstance(part, ToolCall) and event.kind == "tool_intent":
                begun.add((event.branch, part.id))
            elif isinstance(part, ToolResult):
                place = (event.branch, part.call_id)
                assert place in begun, f"{place} has a result and no intent"
                assert place not in done, f"{place} has two results"
                done.add(place)
    assert begun == done


def _check_effects(outcome: Outcome, crashes: int) -> None:
    intents = Counter(
        event.idempotency_key for event in outcome.events if event.kind == "tool_intent"
    )
    calls = {
        event.idempotency_key: (event.branch, part.id)
        for event in outcome.events
        for part in event.parts
        if event.kind == "tool_intent" and isinstance(part, ToolCall)
    }
    doubted = Counter(
        (event.branch, part.id)
        for event in outcome.events
        for part in event.parts
        if event.approval is not None
        and event.approval.reason == "in_doubt"
        and isinstance(part, ToolCall)
    )
    for key, count in intents.items():
        assert count <= 1 + doubted[calls[key]], "two intents of one call, and nobody was asked"
    effects = Counter(key for _, key, _ in outcome.effects)
    assert effects.keys() <= intents.keys(), "an effect that no intent announced"
    for key, count in effects.items():
        assert count <= 1 + crashes, f"{key} had its effect {count} times after {crashes} crashes"


def _steps(events: Sequence[Event]) -> dict[str, list[Any]]:
    """By branch, what was done, whatever order results came in."""
    lanes: dict[str, list[Any]] = {}
    for event in events:
        if event.kind in ("message", "tool_intent", "tool_result", "approval", "decision"):
            names = tuple(
                part.name for part in event.parts if isinstance(part, ToolCall | ToolResult)
            )
            lanes.setdefault(event.branch, []).append((event.kind, event.author, names))
    return {branch: sorted(lane) for branch, lane in lanes.items()}


def _answers(events: Sequence[Event]) -> dict[str, list[str]]:
    lanes: dict[str, list[str]] = {}
    for event in events:
        if event.kind == "message":
            lanes.setdefault(event.branch, []).append(text_of(event.parts))
    return lanes


KILLED = -signal.SIGKILL
