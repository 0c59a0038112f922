"""A stream that was cut off goes on by event id: nothing is lost, nothing comes twice, whatever happened meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import attrs
from hypothesis import example, given
from hypothesis import strategies as st

from hector.message import Event, TextPart, ToolCall
from hector_server.tasks import missed_updates, parse_position, standing_of
from hector_server.tasks.position import MAX_RANGES, Position
from hector_server.tasks.projection import Projection
from hector_server.tasks.subscription import Subscription, Update
from hector_server.tasks.task import Task


def new_task() -> Task:
    return Task(id="t", context_id="s", agent="agent", user="local")


class Client:
    """Puts a task together from its stream."""

    def __init__(self, *, reads_tasks: bool) -> None:
        self.reads_tasks = reads_tasks
        self.texts: dict[str, str] = {}
        self.seen: Counter[int] = Counter()
        self.state = ""
        self.last_id = ""

    def read(self, updates: Sequence[Update]) -> None:
        for mark, data in updates:
            if mark:
                self.last_id = mark.decode()
            update = json.loads(data)
            if task := update.get("task"):
                self._on_task(task)
            elif change := update.get("artifactUpdate"):
                artifact = change["artifact"]
                before = self.texts.get(artifact["artifactId"], "") if change.get("append") else ""
                self.texts[artifact["artifactId"]] = before + text_of(artifact["parts"])
            else:
                self._on_status(update["statusUpdate"])

    def _on_task(self, task: dict[str, Any]) -> None:
        if self.reads_tasks:
            self.state = task["status"]["state"]
            self.texts = {
                item["artifactId"]: text_of(item["parts"]) for item in task.get("artifacts", [])
            }

    def _on_status(self, status: dict[str, Any]) -> None:
        self.state = status["status"]["state"]
        event = status.get("metadata", {}).get("hector:event", {})
        if "sequence" in event:
            self.seen[event["sequence"]] += 1


def text_of(parts: list[dict[str, Any]]) -> str:
    return "".join(part.get("text", "") for part in parts)


@attrs.frozen
class Say:
    """A message that is streamed in pieces."""

    branch: str
    pieces: list[str]

    def events(self, life: int, number: int) -> list[Event]:
        """In another life it has another id, for it is made anew."""
        id = f"m{number}-{life}"
        deltas = [said(id, "delta", self.branch, piece) for piece in self.pieces]
        return [*deltas, said(id, "message", self.branch, "".join(self.pieces))]


@attrs.frozen
class Act:
    """A tool call, which is told in the metadata."""

    branch: str

    def events(self, life: int, number: int) -> list[Event]:
        part = ToolCall(id=f"c{number}", name="act")
        event = said(f"a{number}-{life}", "message", self.branch, "")
        return [attrs.evolve(event, kind="tool_intent", parts=(part,))]


Step = Say | Act


def said(id: str, kind: Any, branch: str, text: str) -> Event:
    return Event(
        id=id,
        kind=kind,
        invocation_id="i",
        author="agent",
        branch=branch,
        timestamp=1.0,
        parts=(TextPart(text),) if text else (),
    )


BRANCHES = st.sampled_from(["", "p.a", "p.b"])
STEPS = st.lists(
    st.builds(Say, BRANCHES, st.lists(st.text("abc", min_size=1, max_size=3), max_size=3))
    | st.builds(Act, BRANCHES),
    min_size=1,
    max_size=6,
)


class World:
    """The log, and the process that works on the task; it may die and another go on."""

    def __init__(self, steps: list[Step], order: Random) -> None:
        self.log: list[Event] = []
        self._order = order
        self._life = 0
        self._foreign = 0
        self._left: dict[str, list[tuple[int, Step]]] = {}
        for number, step in enumerate(steps):
            self._left.setdefault(step.branch, []).append((number, step))
        self.task = new_task()
        self.record(
            Event(id="start", kind="started", invocation_id="i", author="user", timestamp=1.0)
        )
        self._open()

    def record(self, event: Event) -> Event:
        """Other invocations write to the log, too."""
        self._foreign += self._order.randint(0, 1)
        recorded = attrs.evolve(event, sequence=len(self.log) + 7 + self._foreign)
        self.log.append(recorded)
        return recorded

    def _open(self) -> None:
        """Read the log, and what is left to be done after it."""
        projection = Projection(self.task)
        for event in self.log:
            projection.apply(event)
        self._todo = {
            branch: [
                (number, event)
                for number, step in steps
                for event in step.events(self._life, number)
            ]
            for branch, steps in self._left.items()
            if steps
        }

    def work(self) -> bool:
        """One event happens, of any branch; of two that are recorded at once the later may be told first."""
        events = self._next()
        if len(events) == 2 and self._order.random() < 0.5:
            events.reverse()
        for event in events:
            Projection(self.task).apply(event)
        return bool(events)

    def _next(self) -> list[Event]:
        happened: list[Event] = []
        branches = sorted(self._todo)
        for branch in self._order.sample(branches, min(2, len(branches))):
            if happened and happened[0].sequence is None:
                break
            number, event = self._todo[branch].pop(0)
            if not self._todo[branch]:
                del self._todo[branch]
            if event.kind != "delta":
                event = self.record(event)
                self._left[branch] = [item for item in self._left[branch] if item[0] != number]
            happened.append(event)
            if event.sequence is None:
                break
        return happened

    def die(self) -> None:
        """What was streamed and not recorded is gone."""
        self.task.close_subscriptions()
        self._life += 1
        self.task = new_task()
        self._open()

    def finish(self) -> None:
        """Everything that is left, and the end."""
        while self.work():
            pass
        end = said("end", "finished", "", "")
        Projection(self.task).apply(self.record(attrs.evolve(end, outcome="completed")))

    def go_on(self, client: Client) -> Subscription:
        """What a client gets that comes again."""
        known = parse_position(client.last_id)
        if known is None:
            return self.task.subscribe(10_000)
        standing = standing_of(self.task)
        subscription = self.task.subscribe(10_000, is_silent=True)
        missed = missed_updates(
            self.task, self.log, since=known[0], is_torn=known[1], until=standing
        )
        assert missed is not None
        subscription.put_first(missed)
        return subscription


@given(STEPS, st.booleans(), st.integers(0, 2**32).map(Random))
async def test_a_client_that_comes_again_has_everything_once(
    steps: list[Step], reads_tasks: bool, order: Random
) -> None:
    """Be it that it takes the task at the beginning of a stream for the truth, or only adds what it is told."""
    world = World(steps, order)
    client = Client(reads_tasks=reads_tasks)
    subscription = world.task.subscribe(10_000)
    client.read(subscription.take())  # else there is nothing to go on from
    for _ in range(order.randint(1, 3)):
        for _ in range(order.randint(0, 6)):
            world.work()
        unread = subscription.take()
        client.read(unread[: order.randint(0, len(unread))])
        if order.random() < 0.5:
            world.die()
            for _ in range(order.randint(0, 4)):
                world.work()
        else:
            world.task.unsubscribe(subscription)
        subscription = world.go_on(client)
    world.finish()
    client.read(subscription.take())

    expected: dict[str, str] = {}
    for step in steps:
        if isinstance(step, Say) and step.pieces:
            artifact_id = f"answer/{step.branch}" if step.branch else "answer"
            expected[artifact_id] = expected.get(artifact_id, "") + "".join(step.pieces)
    acts = [event.sequence for event in world.log if event.kind == "tool_intent"]
    assert client.texts == expected
    assert client.state == "TASK_STATE_COMPLETED"
    assert [client.seen[number or 0] for number in acts] == [1] * len(acts)


NUMBERS = st.lists(st.integers(1, 60), unique=True, max_size=30)


@given(NUMBERS)
@example([3, 1, 2])
def test_a_position_holds_what_was_put_in(numbers: list[int]) -> None:
    position = Position()
    for number in numbers:
        position.add(number)
        position.add(number)
    gaps = len({number for number in numbers if number - 1 not in numbers})

    assert all(number in position for number in numbers)
    if gaps <= MAX_RANGES // 2:
        assert [number for number in range(70) if number in position] == sorted(numbers)
    if numbers:
        assert parse_position(position.text.decode()) is not None
        assert (position.first, position.last) == (min(numbers), max(numbers))


@given(NUMBERS.filter(bool), st.integers(0, 3))
def test_the_text_of_a_position_gives_it_again(numbers: list[int], pieces: int) -> None:
    position = Position()
    for number in numbers:
        position.add(number)
    known = parse_position(position.text.decode() + (f".{pieces}" if pieces else ""))

    assert known is not None
    assert known[0].text == position.text
    assert known[1] == bool(pieces)


@given(st.text("0123456789-,. x", max_size=20))
def test_whatever_is_no_position_is_refused_and_nothing_breaks(text: str) -> None:
    known = parse_position(text)
    assert known is None or known[0].first > 0
