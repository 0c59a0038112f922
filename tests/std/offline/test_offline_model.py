"""The offline model: its laws, its calls, its limits and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import LLMError
from hector.message import DataPart, JSONValue, Message, TextPart, ToolCall, ToolResult
from hector.spi import (
    GenerateParameters,
    LLMRequest,
    LLMResponse,
    StructuredOutput,
    TextDelta,
    ToolSpec,
)
from hector_std.conformance import TestOffline
from hector_std.offline import OfflineSettings
from hector_std.offline.model import Offline
from hector_std.offline.units import cut
from hector_std.offline.words import tokens

__all__ = ["TestOffline"]


def tool(name: str, description: str = "", required: str = "", **properties: JSONValue) -> ToolSpec:
    """A tool whose parameters have these schemas."""
    return ToolSpec(
        name=name,
        description=description,
        parameters={"type": "object", "properties": properties, "required": required.split()},
    )


TEXT: Mapping[str, JSONValue] = {"type": "string"}
NUMBER: Mapping[str, JSONValue] = {"type": "integer"}
SEARCH = tool("search", "Search the documents.", "query", query=TEXT, limit=NUMBER)
READ = tool("read_file", "Read a file of the workspace.", "path", path=TEXT)
TIME = tool("current_time", "Tell the current time of day.")
ADD = tool(
    "add_numbers", "Add two numbers and give their sum.", "left right", left=NUMBER, right=NUMBER
)
WRITER = tool("agent_call_poet", "Writes poems and rhymes.", "request", request=TEXT)
BILLING = tool("transfer_to_billing", "Invoices, refunds and payments of customers.")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


async def respond(
    *messages: Message | str, tools: tuple[ToolSpec, ...] = (), **parameters: object
) -> LLMResponse:
    """The last chunk for a conversation."""
    request = LLMRequest(
        messages=tuple(Message.user(m) if isinstance(m, str) else m for m in messages),
        tools=tools,
        parameters=GenerateParameters(**parameters),  # type: ignore[arg-type]
    )
    chunks = [chunk async for chunk in Offline(OfflineSettings()).generate(request)]
    last = chunks[-1]
    assert isinstance(last, LLMResponse)
    deltas = "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))
    assert deltas == text_of(last)
    return last


def text_of(response: LLMResponse) -> str:
    """Its text."""
    return "".join(part.text for part in response.parts if isinstance(part, TextPart))


def answered(
    name: str, *content: str | JSONValue, is_error: bool = False
) -> tuple[Message, Message]:
    """A call of a tool and its result."""
    call = ToolCall(id="1", name=name)
    parts = tuple(TextPart(c) if isinstance(c, str) else DataPart(c) for c in content)
    result = ToolResult(call_id="1", name=name, content=parts, is_error=is_error)
    return Message("assistant", (call,)), Message("tool", (result,))


ALL = (READ, TIME, ADD, WRITER, BILLING, SEARCH)


@pytest.mark.parametrize(
    ("question", "tools", "name", "arguments"),
    [
        ("Please, what is a session?", ALL, "search", {"query": "session"}),
        ("What is in docs/guide.md?", (READ,), None, None),
        ("Read the file docs/guide.md", (READ,), "read_file", {"path": "docs/guide.md"}),
        ("Use read_file on docs/guide.md", ALL, "read_file", {"path": "docs/guide.md"}),
        ("Read the file, please", (READ,), None, None),
        ("What is the current time?", (TIME, ADD), "current_time", {}),
        ("Add the numbers 3 and -4", (TIME, ADD), "add_numbers", {"left": 3, "right": -4}),
        ("Add the numbers", (TIME, ADD), None, None),
        ("Ask the poet for something nice", ALL, "agent_call_poet", {"request": "Ask the poet for something nice"}),
        ("I want refunds for two invoices", ALL, "transfer_to_billing", {}),
        ("hello", ALL, None, None),
    ],
)  # fmt: skip
async def test_calls_the_tool_that_fits(
    question: str, tools: tuple[ToolSpec, ...], name: str | None, arguments: object
) -> None:
    """A named tool or agent first, then a clearly fitting agent, a search, what fits best."""
    response = await respond(question, tools=tools)
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == ([(name, arguments)] if name else [])


async def test_tool_choice_is_honoured() -> None:
    """`none` keeps it from calling, `required` and a name make it call, once."""
    question = "What is a session?"
    assert (await respond(question, tools=ALL, tool_choice="none")).finish_reason == "stop"
    for choice, name in (("required", "search"), ("current_time", "current_time")):
        response = await respond(question, tools=ALL, tool_choice=choice)
        assert [part.name for part in response.parts if isinstance(part, ToolCall)] == [name]
        again = await respond(question, *answered(name, "x"), tools=ALL, tool_choice=choice)
        assert again.finish_reason == "stop"
    hello = await respond("hello", tools=ALL, tool_choice="required")
    assert hello.finish_reason == "tool_calls"


async def test_a_choice_that_cannot_be_met_is_an_error() -> None:
    with pytest.raises(LLMError, match=r"tool_choice names `fly`, which is not offered"):
        await respond("Fly", tools=ALL, tool_choice="fly")
    with pytest.raises(LLMError, match="no tool is offered"):
        await respond("Fly", tool_choice="required")
    with pytest.raises(LLMError, match="does not give the arguments that are required"):
        await respond("Add something", tools=(ADD,), tool_choice="add_numbers")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ADD, TIME, BILLING]),
            st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["", " ", "\n"]),
    st.booleans(),
)
async def test_calls_that_are_dictated_are_made_word_for_word(
    dictated: list[tuple[ToolSpec, dict[str, JSONValue]]], space: str, is_ascii: bool
) -> None:
    """So a tool can be tried by hand, also with arguments that it must refuse."""
    written = [
        f"{it.name}{space}{json.dumps(given, ensure_ascii=is_ascii)}" for it, given in dictated
    ]
    done = await respond(space.join(written), tools=(SEARCH, ADD, TIME, BILLING))

    calls = [part for part in done.parts if isinstance(part, ToolCall)]
    assert [(it.name, it.arguments) for it in calls] == [(it.name, given) for it, given in dictated]
    assert len({it.id for it in calls}) == len(calls)
    assert done.finish_reason == "tool_calls"


async def test_what_a_dictated_search_finds_is_quoted() -> None:
    found: JSONValue = {
        "results": [{"content": "A lease is what an invocation holds.", "source": "a.md"}]
    }
    done = await respond(
        'search {"query": "What is a lease?"}', *answered("search", found), tools=(SEARCH,)
    )

    assert text_of(done).startswith("A lease is what an invocation holds.")


@pytest.mark.parametrize(
    "message",
    [
        "current_time {",
        "current_time []",
        'current_time {"zone": NaN}',
        "current_time {} please",
        "nothing_offered {}",
    ],
)
async def test_what_is_no_dictated_call_is_a_question(message: str) -> None:
    done = await respond(message, tools=(ADD,))

    assert not [part for part in done.parts if isinstance(part, ToolCall)]


async def test_structured_output_is_refused() -> None:
    with pytest.raises(LLMError) as caught:
        await respond("Hi", structured_output=StructuredOutput(schema={"type": "object"}))
    assert str(caught.value) == (
        "[H510] the offline model quotes text and cannot give structured output\n"
        "  hint: use a model that can, for example `provider: openai`"
    )


async def test_a_failed_tool_is_reported() -> None:
    response = await respond(
        "What is X?", *answered("search", "index is gone", is_error=True), tools=ALL
    )
    assert text_of(response).startswith(
        "The tool `search` failed: index is gone\n\nWithout it I have"
    )


async def test_what_other_tools_say_is_handed_on() -> None:
    assert text_of(await respond("Time?", *answered("current_time", "12:30"))) == (
        "The tool `current_time` returned: 12:30"
    )
    poem = await respond("A poem", *answered("agent_call_poet", "Roses\nare red"))
    assert text_of(poem) == "poet answers:\n\nRoses\nare red"
    data = await respond("Sum?", *answered("add_numbers", {"sum": 7, "n": 2}))
    assert text_of(data) == (
        'The tool `add_numbers` returned:\n\n```\n{\n  "sum": 7,\n  "n": 2\n}\n```'
    )


async def test_small_talk_is_answered_in_a_sentence() -> None:
    assert text_of(await respond("Hello!", tools=ALL)) == (
        "Hello! Ask me something about the documents of this agent."
    )
    assert text_of(await respond("Thank you!", tools=ALL)) == "You are welcome."
    assert "offline model that comes with Hector" in text_of(
        await respond("Who are you?", tools=ALL)
    )


async def test_without_tools_it_says_how_to_get_a_real_model() -> None:
    text = text_of(await respond("What is the meaning of life?"))
    assert text.startswith("I cannot answer this. This agent has no document store and no tool")
    assert "OPENAI_API_KEY" in text


async def test_an_empty_search_is_said_plainly() -> None:
    text = text_of(await respond("What is X?", *answered("search", {"query": "x", "results": []})))
    assert text.startswith("I searched for “What is X?” and found nothing that answers it. I am")


@given(st.integers(1, 200))
async def test_the_token_limit_holds(limit: int) -> None:
    """The answer is the beginning of the whole one; `length` says so, and usage counts."""
    whole = await respond("What is the meaning of life?")
    cut_off = await respond("What is the meaning of life?", max_output_tokens=limit)
    pieces = tokens(text_of(whole))
    assert text_of(cut_off) == "".join(pieces[:limit])
    assert cut_off.usage.output_tokens == min(limit, len(pieces))
    assert cut_off.finish_reason == ("length" if limit < len(pieces) else "stop")


async def test_a_call_that_does_not_fit_the_limit_is_not_made() -> None:
    response = await respond("What is a session?", tools=ALL, max_output_tokens=2)
    assert (response.parts, response.finish_reason) == ((), "length")


async def test_stop_strings_end_the_answer() -> None:
    response = await respond("Hello!", tools=ALL, stop=("documents", "something"))
    assert (text_of(response), response.finish_reason) == ("Hello! Ask me ", "stop")


@given(st.text(max_size=200))
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


@given(st.text(alphabet="ab .!?:\n#-|`*1>", max_size=120), st.text(max_size=30))
async def test_any_message_and_any_passage_are_answered(passage: str, question: str) -> None:
    """Broken Markdown and odd questions give an answer, never an exception, and nothing made up."""
    hits: JSONValue = {"results": [{"content": passage, "document": "d"}]}
    response = await respond(Message.user(question), *answered("search", json.dumps(hits)))
    assert response.finish_reason == "stop"
    said = " ".join(passage.split())
    for unit in cut(passage):
        lines = unit.text.split("\n")
        # A code block that the passage cuts off gets its closing fence.
        lines = lines[:-1] if unit.kind == "code" else lines
        assert all(" ".join(line.split()) in said for line in lines)


def test_a_passage_is_cut_without_breaking_what_belongs_together() -> None:
    """Cut-off sentences at the edges go, abbreviations do not end a sentence, blocks stay whole."""
    text = (
        "of the line before. Use e.g. Version 2. It works.\n\n"
        "- one\n  more of one\n- two\n\n```sh\nrun. Now.\n\n- x\n```\n\nThe end is cut"
    )
    assert [(unit.kind, unit.text) for unit in cut(text)] == [
        ("sentence", "Use e.g. Version 2."),
        ("sentence", "It works."),
        ("list", "- one\n  more of one\n- two"),
        ("code", "```sh\nrun. Now.\n\n- x\n```"),
    ]
