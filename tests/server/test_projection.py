"""From events to updates: the text of an answer stands once, whatever way it came."""

from __future__ import annotations

import json
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from server_stage import Turn

from hector.message import (
    Actions,
    Event,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolResult,
    Usage,
)
from hector_server.tasks.projection import Projection
from hector_server.tasks.subscription import Subscription
from hector_server.tasks.task import Task


class Reader:
    """A task under projection, and what a client makes of its updates."""

    def __init__(self) -> None:
        self.turn = Turn(Message.user("Hello"), "s1", "local")
        self.task = Task(context_id="s1", agent="agent", user="local")
        self.subscription: Subscription = self.task.subscribe(100_000)
        self._projection = Projection(self.task)

    def apply(self, *events: Event) -> None:
        for event in events:
            self._projection.apply(event)

    async def updates(self) -> list[dict[str, Any]]:
        """What was published, without the task at the beginning."""
        read = await self.subscription.read(0)
        return [json.loads(item) for _, item in (read or [])][1:]

    def stored(self) -> dict[str, str]:
        """Text of the stored artifacts by id."""
        return {
            artifact["artifactId"]: _text(artifact["parts"])
            for artifact in json.loads(json.dumps(self.task.to_json())).get("artifacts", [])
        }

    async def rebuilt(self) -> dict[str, str]:
        """Text of the artifacts as a client puts them together from the updates."""
        texts: dict[str, str] = {}
        for update in await self.updates():
            if change := update.get("artifactUpdate"):
                artifact = change["artifact"]
                before = texts.get(artifact["artifactId"], "") if change.get("append") else ""
                texts[artifact["artifactId"]] = before + _text(artifact["parts"])
        return texts


def _text(parts: list[dict[str, Any]]) -> str:
    return "".join(part.get("text", "") for part in parts)


Said = tuple[list[str], str]
PIECES = st.lists(st.text(min_size=1, max_size=3), max_size=4)
SAID = PIECES.map(lambda pieces: (pieces, "".join(pieces)))  # streamed whole
CUT = st.tuples(PIECES, st.text(max_size=3)).map(lambda it: (it[0], "".join(it[0]) + it[1]))
OTHER = st.tuples(PIECES, st.text(max_size=5))  # the message says something else


@given(st.lists(SAID | CUT | OTHER, max_size=5))
async def test_text_is_never_doubled_or_lost(messages: list[Said]) -> None:
    reader = Reader()
    turn = reader.turn
    for pieces, whole in messages:
        reader.apply(*(turn.delta(piece) for piece in pieces), turn.says(whole))
    reader.apply(turn.event("finished", outcome="completed"))
    expected = "".join(whole for _, whole in messages)

    assert reader.stored().get("answer", "") == expected
    assert (await reader.rebuilt()).get("answer", "") == expected


@given(PIECES, PIECES, PIECES)
async def test_an_answer_that_begins_anew_stands_once(
    before: list[str], void: list[str], again: list[str]
) -> None:
    """At every moment; what was said in the message before stays."""
    reader = Reader()
    turn = reader.turn
    first, whole = "".join(before), "".join(again)
    reader.apply(*(turn.delta(piece) for piece in before), turn.says(first))
    reader.apply(*(turn.delta(piece) for piece in void))
    reader.apply(attrs.evolve(turn.delta(""), parts=(), is_restart=True))
    assert reader.stored().get("answer", "") == first
    reader.apply(*(turn.delta(piece) for piece in again))
    assert reader.stored().get("answer", "") == first + whole
    reader.apply(turn.says(whole), turn.event("finished", outcome="completed"))

    assert reader.stored().get("answer", "") == first + whole
    assert (await reader.rebuilt()).get("answer", "") == first + whole


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "a/c"]), st.text(min_size=1)), max_size=9))
async def test_branches_that_talk_at_once_do_not_mix(pieces: list[tuple[str, str]]) -> None:
    reader = Reader()
    turn = reader.turn
    expected: dict[str, str] = {}
    for branch, text in pieces:
        reader.apply(turn.delta(text, branch=branch))
        artifact_id = f"answer/{branch}" if branch else "answer"
        expected[artifact_id] = expected.get(artifact_id, "") + text
    for artifact_id, text in list(expected.items()):
        reader.apply(turn.says(text, branch=artifact_id.partition("/")[2]))
    reader.apply(turn.event("finished", outcome="completed"))

    assert reader.stored() == expected
    assert await reader.rebuilt() == expected


async def test_each_message_is_a_part_of_the_artifact() -> None:
    reader = Reader()
    turn = reader.turn
    reader.apply(turn.delta("Let me "), turn.delta("look."), turn.says("Let me look."))
    reader.apply(turn.delta("Found."), turn.says("Found."))

    assert reader.task.to_json()["artifacts"] == [
        {
            "artifactId": "answer",
            "name": "agent",
            "parts": [
                {"text": "Let me look.", "metadata": {"hector:author": "agent"}},
                {"text": "Found.", "metadata": {"hector:author": "agent"}},
            ],
        }
    ]


async def test_what_a_called_agent_says_is_activity_not_answer() -> None:
    reader = Reader()
    inner = "call:c1"
    reader.apply(
        reader.turn.delta("psst", branch=inner),
        reader.turn.says("psst", branch=inner),
        reader.turn.says("psst", branch="deep/call:c2/x"),
    )
    updates = await reader.updates()

    assert reader.stored() == {}
    events = [update["statusUpdate"]["metadata"]["hector:event"] for update in updates]
    assert [event["branch"] for event in events] == [inner, "deep/call:c2/x"]
    assert events[0]["parts"] == [{"type": "text", "text": "psst"}]


async def test_tools_reasoning_and_transfers_are_told_in_metadata() -> None:
    reader = Reader()
    turn = reader.turn
    transfer = Event(
        id="x",
        kind="state",
        invocation_id="i1",
        author="agent",
        actions=Actions(transfer_to="other", state_delta={"secret": 1}),
    )
    silent = Event(
        id="y", kind="state", invocation_id="i1", author="agent", actions=Actions(state_delta={})
    )
    reader.apply(
        turn.event("delta", ThinkingPart(text="Hm.", provider_data={"signature": "secret"})),
        turn.event("tool_intent", ToolCall(id="c1", name="add", arguments={"a": 1})),
        turn.event(
            "tool_result",
            ToolResult(call_id="c1", name="add", content=(TextPart("x" * 5_000),), is_error=True),
        ),
        transfer,
        silent,
    )
    updates = await reader.updates()

    events = [update["statusUpdate"]["metadata"]["hector:event"] for update in updates]
    assert [event["kind"] for event in events] == ["delta", "tool_intent", "tool_result", "state"]
    assert events[0]["parts"] == [{"type": "thinking", "text": "Hm."}]
    assert events[1]["parts"] == [
        {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}}
    ]
    assert events[2]["parts"][0]["isError"] is True
    assert events[2]["parts"][0]["content"] == [
        {"type": "text", "text": "x" * 4_096, "isCut": True}
    ]
    assert events[3]["transferTo"] == "other"
    assert "secret" not in json.dumps(updates)


async def test_the_end_sums_up_the_tokens() -> None:
    reader = Reader()
    for _ in range(2):
        reader.apply(
            Event(
                id="m",
                kind="message",
                invocation_id="i1",
                author="agent",
                parts=(TextPart("Hi"),),
                usage=Usage(input_tokens=10, output_tokens=3),
            )
        )
    reader.apply(reader.turn.event("finished", outcome="completed"))
    last = (await reader.updates())[-1]["statusUpdate"]

    assert last["metadata"]["hector:usage"] == {
        "inputTokens": 20,
        "outputTokens": 6,
        "cachedInputTokens": 0,
        "reasoningTokens": 0,
    }
