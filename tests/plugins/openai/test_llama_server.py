"""Against a server of other people's making: llama.cpp's, with a tiny random model.

It knows nothing of our ideas of the wire. The model's words are noise, so these tests claim only
what holds for any words.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai_calls import ask, chunks_of

from hector.errors import LLMContextOverflowError
from hector.message import Message, TextPart, ToolCall, ToolResult, text_of
from hector.spi import GenerateParameters, LLMResponse, TextDelta
from hector.testing import EmbedderSuite
from hector_plugin_openai import embedder, llm
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractAsyncContextManager

    from hector.spi import BuildContext, Embedder

pytestmark = pytest.mark.service

PROGRAM = Path(__file__).with_name("llama_server.py")
NO_CONTEXT: BuildContext = None  # type: ignore[assignment]
BOTH = pytest.mark.parametrize("api", ["responses", "chat"])


@contextmanager
def serving(folder: Path, task: str) -> Generator[str]:
    """Run the program and give its address; fails if it does not start."""
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as program,
    ):
        assert program.stdin is not None
        assert program.stdout is not None
        address = program.stdout.readline().strip()
        assert address, log.read_text()
        try:
            yield f"{address}/v1"
        finally:
            program.stdin.close()


@pytest.fixture(scope="module")
def chat_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with serving(tmp_path_factory.mktemp("chat"), "chat") as url:
        yield url


@pytest.fixture(scope="module")
def embed_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with serving(tmp_path_factory.mktemp("embed"), "embed") as url:
        yield url


def settings(url: str, api: Any, **more: Any) -> LLMSettings:
    return LLMSettings(base_url=url, api=api, model="noise", timeout=20.0, **more)


@BOTH
async def test_streams_what_it_closes_with(chat_url: str, api: str) -> None:
    async with llm.create(settings(chat_url, api, max_tokens=12), NO_CONTEXT) as model:
        deltas, response = await chunks_of(model, ask(system="Talk."))
    assert response.finish_reason in {"length", "stop"}
    assert "".join(item.text for item in deltas if isinstance(item, TextDelta)) == "".join(
        part.text for part in response.parts if isinstance(part, TextPart)
    )
    assert response.usage.input_tokens > 0
    assert 0 < response.usage.output_tokens <= 12


@BOTH
async def test_an_unstreamed_answer_is_the_streamed_one(chat_url: str, api: str) -> None:
    """At temperature 0; the server holds back the end of a stream that is not whole UTF-8."""
    cold = settings(chat_url, api, max_tokens=6, temperature=0.0)
    async with llm.create(cold, NO_CONTEXT) as model:
        _, streamed = await chunks_of(model, ask())
        deltas, whole = await chunks_of(model, ask(is_streaming=False))
    assert deltas == []
    assert text_of(whole.parts).startswith(text_of(streamed.parts))
    assert text_of(whole.parts)
    assert streamed.usage.output_tokens == whole.usage.output_tokens == 6


@BOTH
async def test_a_tool_round_is_accepted(chat_url: str, api: str) -> None:
    call = ToolCall(id="call_1", name="look", arguments={"n": 1})
    done = ToolResult(call_id="call_1", name="look", content=(TextPart("a cat"),))
    history = Message.user("Go"), Message("assistant", (call,)), Message("tool", (done,))
    async with llm.create(settings(chat_url, api, max_tokens=4), NO_CONTEXT) as model:
        _, response = await chunks_of(model, ask(*history))
    assert response.usage.output_tokens > 0


@BOTH
async def test_too_long_a_conversation_is_an_overflow(chat_url: str, api: str) -> None:
    async with llm.create(settings(chat_url, api), NO_CONTEXT) as model:
        with pytest.raises(LLMContextOverflowError) as raised:
            await chunks_of(model, ask(Message.user("a" * 2000)))
    assert raised.value.status == 400


@BOTH
async def test_many_answers_may_be_left_in_the_middle(chat_url: str, api: str) -> None:
    """The server has few slots: were they not given back, a later call would wait for ever."""
    async with llm.create(settings(chat_url, api, max_tokens=400), NO_CONTEXT) as model:
        for _ in range(12):
            async with aclosing(model.generate(ask())) as answer:
                assert isinstance(await anext(answer), TextDelta | LLMResponse)
        parameters = GenerateParameters(max_output_tokens=2)
        _, response = await chunks_of(model, ask(parameters=parameters))
    assert response.usage.output_tokens <= 2


async def test_vectors_have_one_length_and_belong_to_their_texts(embed_url: str) -> None:
    """The length is found by a trial; the same text gives the same vector beside any other."""
    given = EmbedderSettings(base_url=embed_url, model="noise", batch_size=3)
    texts = ["The session keeps every event.", "", "Größe", "top_k = 10", "Größe"]
    async with embedder.create(given, NO_CONTEXT) as model:
        vectors = await model.embed(texts)
        alone = (await model.embed([texts[3]]))[0]
        assert model.dimension == 64
    assert [len(vector) for vector in vectors] == [64] * 5
    assert list(vectors[2]) == pytest.approx(list(vectors[4]), abs=1e-3)
    assert list(vectors[3]) == pytest.approx(list(alone), abs=1e-3)
    assert list(vectors[0]) != pytest.approx(list(vectors[3]), abs=1e-3)


class TestEmbedderLaws(EmbedderSuite):
    """The shipped laws, on a real server; its batches differ in the last digits."""

    max_examples = 5
    tolerance = 1e-3

    @pytest.fixture(autouse=True)
    def server(self, embed_url: str) -> None:
        self.url = embed_url

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return embedder.create(EmbedderSettings(base_url=self.url, model="noise"), NO_CONTEXT)
