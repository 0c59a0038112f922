"""Laws of reading replies, whatever a server sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_calls import ask
from openai_replies import call_item, call_piece, chunk, events, text_item

from hector.errors import LLMError
from hector.message import JSONObject, ToolCall, text_of
from hector.spi import LLMResponse, ReplyShape, TextDelta
from hector_plugin_openai.chat_reply import ChatReader
from hector_plugin_openai.responses_reply import ResponsesReader
from hector_plugin_openai.wire import ReportedError, arguments_text, tool_call

if TYPE_CHECKING:
    from hector.spi import LLMChunk
    from hector_plugin_openai.wire import Reader

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
SHAPE = ReplyShape(provider="openai", model="m", api="OpenAI's API")
WIRES: list[Any] = [
    pytest.param(ResponsesReader, id="responses"),
    pytest.param(ChatReader, id="chat"),
]


def consume(reader: Reader, sent: list[Any]) -> list[LLMChunk | None]:
    """What `OpenAILLM.generate` does with a stream, less the HTTP."""
    chunks: list[LLMChunk | None] = []
    for event in sent:
        chunks += SHAPE.read(reader.feed(event))
    return chunks + SHAPE.read(reader.finish())


def stream_of(kind: Any, texts: list[str], arguments: list[JSONObject]) -> list[Any]:
    calls = [(f"c{n}", json.dumps(value)) for n, value in enumerate(arguments)]
    if kind is ResponsesReader:
        return events(
            *[text_item(text) for text in texts],
            *[call_item(call_id, "look", written) for call_id, written in calls],
        )
    return [
        *[chunk(content=text) for text in texts],
        *[
            chunk(tool_calls=[call_piece(n, piece, id=call_id, name="look")])
            for n, (call_id, written) in enumerate(calls)
            for piece in (written[:3], written[3:])
        ],
        chunk("tool_calls" if calls else "stop"),
    ]


@pytest.mark.parametrize("kind", WIRES)
def test_text_and_calls_arrive_whole(kind: Any) -> None:
    """The deltas joined are the text of the response, and every call has its arguments."""

    @given(st.lists(st.text(), max_size=4), st.lists(OBJECTS, max_size=4))
    def law(texts: list[str], arguments: list[JSONObject]) -> None:
        *deltas, response = consume(kind(ask()), stream_of(kind, texts, arguments))
        assert isinstance(response, LLMResponse)
        streamed = "".join(item.text for item in deltas if isinstance(item, TextDelta))
        assert streamed == text_of(response.parts) == "".join(texts)
        assert all(item.text for item in deltas if isinstance(item, TextDelta))
        calls = [part for part in response.parts if isinstance(part, ToolCall)]
        assert [call.arguments for call in calls] == arguments
        assert (response.finish_reason == "tool_calls") == bool(calls)

    law()


@pytest.mark.parametrize("kind", WIRES)
def test_a_broken_stream_is_an_error_or_a_whole_answer(kind: Any) -> None:
    """Any one value of a stream replaced by any other JSON breaks in no other way."""
    good = stream_of(kind, ["Hello", "there"], [{"a": 1}])

    @given(st.data())
    def law(data: st.DataObject) -> None:
        sent: list[Any] = json.loads(json.dumps(good))
        target: Any = sent
        while True:
            keys: list[Any] = list(target if hasattr(target, "keys") else range(len(target)))
            key = data.draw(st.sampled_from(keys))
            inner: Any = target[key]
            if not inner or not isinstance(inner, dict | list) or data.draw(st.booleans()):
                break
            target = cast("Any", inner)
        target[key] = data.draw(JSON)
        try:
            *deltas, response = consume(kind(ask()), sent)
        except (LLMError, ReportedError):
            return
        assert isinstance(response, LLMResponse)
        streamed = "".join(item.text for item in deltas if isinstance(item, TextDelta))
        assert streamed == text_of(response.parts)
        assert all(isinstance(count, int) for count in attrs.astuple(response.usage))
        ids = [part.id for part in response.parts if isinstance(part, ToolCall)]
        assert len(ids) == len(set(ids))

    law()


@given(OBJECTS, st.sampled_from([None, 2]), st.booleans())
def test_arguments_go_back_to_the_byte(value: JSONObject, indent: int | None, ascii: bool) -> None:
    """So that the provider's prompt cache holds."""
    written = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert arguments_text(tool_call("c", "look", written)) == written
