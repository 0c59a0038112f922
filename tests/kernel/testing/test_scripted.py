"""The scripted LLM plays what it is told, and keeps the laws of a language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import LLMError, LLMRateLimitError
from hector.message import Message, TextPart, ThinkingPart, ToolCall
from hector.spi import LLM, LLMChunk, LLMRequest, LLMResponse, TextDelta, ThinkingDelta
from hector.testing import LLMSuite, Opened, ScriptedLLM, ScriptedSettings, scripted_provider

REQUEST = LLMRequest(messages=(Message.user("Hi"),))


def _answer(request: LLMRequest) -> str | ToolCall:
    if request.tools:
        return ToolCall(id=f"call-{id(request)}-{next(_NUMBERS)}", name=request.tools[0].name)
    return "one two three"


_NUMBERS = iter(range(1000))


class TestScriptedLaws(LLMSuite):
    """The laws of a language model."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[LLM]:
        yield ScriptedLLM(*[_answer] * 20)


async def _texts(llm: LLM, request: LLMRequest = REQUEST) -> list[str]:
    return [chunk.text async for chunk in llm.generate(request) if isinstance(chunk, TextDelta)]


async def _last(llm: LLM, request: LLMRequest = REQUEST) -> LLMResponse:
    chunks = [chunk async for chunk in llm.generate(request)]
    assert isinstance(chunks[-1], LLMResponse)
    return chunks[-1]


async def test_a_string_is_streamed_word_by_word() -> None:
    assert await _texts(ScriptedLLM("Hello  there,\nyou")) == ["Hello  ", "there,\n", "you"]


async def test_a_list_is_streamed_in_its_pieces() -> None:
    call = ToolCall(id="1", name="look")
    llm = ScriptedLLM(["He", "llo", call, " again"], ["He", "llo", call, " again"])
    assert await _texts(llm) == ["He", "llo", " again"]
    response = await _last(llm)
    assert response.parts == (TextPart("Hello"), call, TextPart(" again"))
    assert response.finish_reason == "tool_calls"


async def test_a_response_is_taken_as_it_is() -> None:
    response = LLMResponse(parts=(ThinkingPart(text="hm so"), TextPart("yes")), model="m")
    chunks = [chunk async for chunk in ScriptedLLM(response).generate(REQUEST)]
    assert chunks == [ThinkingDelta("hm so"), TextDelta("yes"), response]


async def test_an_exception_is_raised_and_the_script_goes_on() -> None:
    llm = ScriptedLLM(LLMRateLimitError("slow down", retry_after_s=1), "fine")
    with pytest.raises(LLMRateLimitError, match="slow down"):
        await _texts(llm)
    assert await _texts(llm) == ["fine"]


async def test_a_function_sees_the_request() -> None:
    llm = ScriptedLLM(lambda request: request.messages[-1].text.upper())
    assert await _texts(llm) == ["HI"]
    assert llm.requests == [REQUEST]
    assert llm.remaining == 0


async def test_the_end_of_the_script_is_an_error_that_says_what_was_asked() -> None:
    llm = ScriptedLLM("only")
    await _texts(llm)
    with pytest.raises(LLMError) as caught:
        await _texts(llm)
    assert str(caught.value) == (
        "[H510] the script of `scripted` has 1 replies and this is request 2;"
        " the last message is by `user`: 'Hi'\n"
        "  hint: add a reply to the script, or find out why the model is asked once more"
    )


async def test_an_abandoned_answer_is_counted() -> None:
    llm = ScriptedLLM("a b c", "a b c")
    async with aclosing(cast("AsyncGenerator[LLMChunk]", llm.generate(REQUEST))) as answer:
        await anext(answer)
    await _texts(llm)
    assert llm.closed_early == 1


@given(st.text())
def test_the_pieces_of_any_text_are_the_text(text: str) -> None:
    @asynccontextmanager
    async def open_llm() -> AsyncIterator[LLM]:
        yield ScriptedLLM(text)

    with Opened(open_llm) as opened:
        assert "".join(opened.run(_texts(opened.component))) == text


async def test_the_provider_gives_each_entry_its_script() -> None:
    scripts = {"a": ScriptedLLM("from a"), "b": ScriptedLLM("from b")}
    shared = ScriptedLLM("shared")
    context: Any = SimpleNamespace(name="b")
    by_name = scripted_provider(scripts.__getitem__, type="played")
    assert by_name.type == "played"
    assert callable(by_name.create)
    assert by_name.create(ScriptedSettings(), context) is scripts["b"]
    always = scripted_provider(shared).create
    assert callable(always)
    assert always(ScriptedSettings(), context) is shared


def test_an_opening_that_fails_is_raised_where_it_was_opened() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[LLM]:
        raise LLMError("no such model")
        yield

    with pytest.raises(LLMError, match="no such model"):
        Opened(broken)
