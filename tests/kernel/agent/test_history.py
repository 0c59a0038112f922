"""What an agent gets to see: branches, isolation, unanswered calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hector.agent.branch import is_visible, join
from hector.agent.history import build_history
from hector.message import Event, EventKind, Part, TextPart, ToolCall, ToolResult

SEGMENTS = st.sampled_from(["a", "b", "p.x", "call:1", "call:2"])
BRANCHES = st.lists(SEGMENTS, max_size=5).map("/".join)


@given(BRANCHES)
def test_an_agent_sees_its_own_branch(branch: str) -> None:
    """Whatever it is."""
    assert is_visible(branch, seen_from=branch)


@given(BRANCHES, SEGMENTS)
def test_isolation_works_both_ways(branch: str, segment: str) -> None:
    """A called agent does not see its caller, nor the caller it; else child and parent see each other."""
    child = join(branch, segment)
    is_isolated = segment.startswith("call:")

    assert is_visible(branch, seen_from=child) is not is_isolated
    assert is_visible(child, seen_from=branch) is not is_isolated


@given(BRANCHES)
def test_siblings_do_not_see_each_other(branch: str) -> None:
    """Parallel agents are deaf to one another."""
    assert not is_visible(join(branch, "p.x"), seen_from=join(branch, "p.y"))
    assert not is_visible(join(join(branch, "p.x"), "deep"), seen_from=join(branch, "p.y"))


@given(BRANCHES, BRANCHES)
def test_a_name_that_begins_like_another_is_another(left: str, right: str) -> None:
    """`a` is no ancestor of `ab`."""
    assert not is_visible(join(left, "abc"), seen_from=join(left, "ab"))


def event(author: str, *parts: Part, kind: EventKind = "message", branch: str = "") -> Event:
    return Event(id="", kind=kind, invocation_id="i", author=author, parts=parts, branch=branch)


CALLS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(CALLS, st.data())
def test_every_call_a_model_sees_is_answered_once_in_order(
    calls: list[str], data: st.DataObject
) -> None:
    """Whichever results there are, in whichever order they came."""
    answered = data.draw(
        st.permutations(data.draw(st.lists(st.sampled_from(calls), unique=True)) if calls else [])
    )
    log = [
        event("user", TextPart("hi"), kind="started"),
        event("me", TextPart("ok"), *(ToolCall(id=id, name="t") for id in calls)),
        *(event("me", ToolResult(call_id=id, name="t"), kind="tool_result") for id in answered),
    ]

    history = build_history(log, agent="me", branch="")

    asked = [part.id for message in history for part in message.parts if isinstance(part, ToolCall)]
    told = [
        part.call_id
        for message in history
        for part in message.parts
        if isinstance(part, ToolResult)
    ]
    assert asked == told == [id for id in calls if id in answered]
    assert [message.role for message in history] == [
        "user",
        "assistant",
        *(["tool"] if told else []),
    ]


def test_what_other_agents_said_names_them_and_their_tools_stay_out() -> None:
    """Another agent's call would have no place in this agent's protocol."""
    log = [
        event("user", TextPart("hi"), kind="started"),
        event("other", TextPart("I look"), ToolCall(id="1", name="t")),
        event("other", ToolResult(call_id="1", name="t"), kind="tool_result"),
        event("other", ToolCall(id="2", name="t")),
    ]

    history = build_history(log, agent="me", branch="")

    assert [(message.role, message.text) for message in history] == [
        ("user", "hi"),
        ("user", "[other]: I look"),
    ]
