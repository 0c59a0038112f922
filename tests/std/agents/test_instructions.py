"""Instructions as templates: state and artifacts as they are at each model call; other braces stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector import Runtime
from hector.errors import InstructionError
from hector.message import Actions, Event, JSONValue, ToolCall
from hector.session import InMemorySessions
from hector.spi import (
    ArtifactDraft,
    Invocation,
    SessionKey,
    ToolContext,
    function_tool,
)
from hector.testing import Reply, ScriptedLLM, scripted_provider
from hector_std.agents.instruction import MAXIMUM_ARTIFACT_BYTES, Instruction

BESIDE = "where it may be missing, or `{{{{{}}}}}` for the braces themselves"
KEY = SessionKey("shop", "ada", "s")


async def fill(text: str, state: Mapping[str, JSONValue] | None = None) -> str:
    invocation = cast("Invocation", SimpleNamespace(state=dict(state or {})))
    return await Instruction(text, agent="a").fill(invocation)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{name} in {user:city} on {app:day}, {temp:mood}", "Ada in Ulm on 3, calm"),
        ("{list} {map} {yes} {_under_1}", '[1, "ä"] {"k": null} true x'),
        ("[{missing?}] [{user:missing?}] [{name?}]", "[] [] [Ada]"),
        ("{{name}} {{name?}} {{{name}}} {{user:city}}", "{name} {name?} {{name}} {user:city}"),
        (
            'Answer as {"name": "x", "tags": [], "in": {"a": {}}}.',
            'Answer as {"name": "x", "tags": [], "in": {"a": {}}}.',
        ),
        ("{} { name } {1} {a b} {a-b} {a.b} {other:name} {ä}", None),
        ("${name} {name", "${name} {name"),
        ("{tricky}", "{name}"),
    ],
)
async def test_only_what_looks_like_a_key_is_filled_in(text: str, filled: str | None) -> None:
    state: dict[str, JSONValue] = {
        "name": "Ada",
        "user:city": "Ulm",
        "app:day": 3,
        "temp:mood": "calm",
        "list": [1, "ä"],
        "map": {"k": None},
        "yes": True,
        "_under_1": "x",
        "tricky": "{name}",
    }

    assert await fill(text, state) == (text if filled is None else filled)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(alphabet="ab {}?$:."),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="ab "), inner),
    )
)
async def test_json_with_a_text_between_its_braces_survives(value: Any) -> None:
    """An object of JSON begins with a quote or ends at once: it is never taken for a place."""
    import json

    text = json.dumps({"value": value})
    if "{a" in text or "{b" in text:  # a brace and a key inside of a string
        return
    assert await fill(text) == text


async def test_a_missing_key_names_the_agent_the_key_and_what_there_is() -> None:
    with pytest.raises(InstructionError) as caught:
        await fill("Hello {user:name}", {"city": "Ulm", "user:nick": "A"})

    assert (caught.value.key, caught.value.known) == ("user:name", ("city", "user:nick"))
    assert str(caught.value) == (
        "[H503] agent `a` has `{user:name}` in its instruction, and the state has no key `user:name`\n"
        "  hint: there is `city`, `user:nick`; write `{user:name?}` where it may be missing, or "
        "`{{user:name}}` for the braces themselves"
    )


async def play(
    instruction: str,
    *replies: Reply,
    tools: Sequence[Any] = (),
    artifacts: Mapping[str, bytes] | None = None,
) -> tuple[ScriptedLLM, Event]:
    """One message to an agent with this instruction, in a session that has these artifacts."""
    sessions = InMemorySessions()
    await sessions.create(KEY)
    for head, (name, data) in enumerate((artifacts or {}).items()):
        event = Event(
            id=name,
            kind="state",
            invocation_id="i",
            author="x",
            actions=Actions(artifact_delta={name: 1}),
        )
        draft = ArtifactDraft(name=name, version=1, media_type="text/plain", data=data)
        await sessions.append(KEY, [event], head=head, artifacts=[draft])
    llm = ScriptedLLM(*replies)
    config = {
        "name": KEY.app,
        "llms": {"default": {"provider": "scripted"}},
        "agents": {"a": {"instruction": instruction}},
    }
    async with Runtime.open(
        config,
        env={},
        sessions=sessions,
        providers=[scripted_provider(llm)],
        direct_tools={"a": [function_tool(tool) for tool in tools]},
    ) as runtime:
        events = [e async for e in runtime.run("a", "go", user=KEY.user, session=KEY.id)]
    return llm, events[-1]


async def test_it_is_filled_in_anew_for_every_model_call() -> None:
    """With what a tool has written meanwhile, and not looked through a second time."""

    async def move(context: ToolContext) -> str:
        context.state["city"] = "{name}"
        await context.artifacts.save("plan.md", b"go north")
        return "ok"

    llm, last = await play(
        "In {city?}: {artifact.plan.md?}.",
        ToolCall(id="c", name="move", arguments={}),
        "done",
        tools=[move],
    )

    assert last.outcome == "completed"
    assert [request.system for request in llm.requests] == ["In : .", "In {name}: go north."]


@pytest.mark.parametrize(
    ("instruction", "problem", "hint"),
    [
        (
            "{artifact.none}",
            "and there is no artifact `none`",
            "there is `artifact.large`, `artifact.picture`; write `{artifact.none?}` "
            + BESIDE.format("artifact.none"),
        ),
        (
            "{artifact.large?}",
            "and that artifact is above 131,072 bytes",
            "let the agent read it with a tool, or save a shorter text as an artifact",
        ),
        (
            "{artifact.picture}",
            "and that artifact is not UTF-8 text",
            "let the agent read it with a tool, or save a shorter text as an artifact",
        ),
        (
            "{word}",
            "and the state has no key `word`",
            "there is nothing yet; write `{word?}` " + BESIDE.format("word"),
        ),
    ],
)
async def test_what_cannot_be_filled_in_fails_the_invocation_before_the_model_is_asked(
    instruction: str, problem: str, hint: str
) -> None:
    llm, last = await play(
        instruction,
        artifacts={"large": b"x" * (MAXIMUM_ARTIFACT_BYTES + 1), "picture": b"\xff\xd8"},
    )
    key = instruction.strip("{}?")

    assert (llm.requests, last.outcome) == ([], "failed")
    assert last.failure is not None
    assert (last.failure.code, last.failure.hint) == ("H503", hint)
    assert last.failure.message == f"agent `a` has `{{{key}}}` in its instruction, {problem}"
