"""What is peculiar to Ollama's embedding API, over a socket."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hector.errors import EmbedderError
from hector.spi import BuildContext
from hector.testing import OllamaEmbeddingWire, WireReply, WireRequest, WireServer
from hector_plugin_ollama.embedder import create
from hector_plugin_ollama.settings import EmbedderSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
WIRE = OllamaEmbeddingWire()


def answer(request: WireRequest) -> WireReply:
    """A vector of length two for each text."""
    return WIRE.vectors([[float(len(text)), 1.0] for text in WIRE.texts(request)], request)


def settings(server: WireServer, **keys: Any) -> EmbedderSettings:
    return EmbedderSettings(model="m", base_url=server.url, max_retries=0, **keys)


async def test_prefixes_stand_before_texts_by_their_purpose() -> None:
    keys = {"document_prefix": "search_document: ", "query_prefix": "search_query: "}
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, dimension=2, **keys), NO_CONTEXT) as embedder:
            await embedder.embed(["a", ""])
            await embedder.embed(["b"], purpose="query")
        sent = [request.json["input"] for request in server.requests]
    assert sent == [["search_document: a", "search_document: "], ["search_query: b"]]


async def test_what_the_model_is_told_beside_the_texts() -> None:
    keys: dict[str, Any] = {
        "dimension": 2,
        "shorten": True,
        "truncate": False,
        "keep_alive": -1,
        "options": {"num_ctx": 2048},
    }
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, **keys), NO_CONTEXT) as embedder:
            await embedder.embed(["", "\udce9"])
        [request] = server.requests
    assert request.json == {
        "model": "m",
        "input": [" ", "?"],
        "truncate": False,
        "dimensions": 2,
        "keep_alive": -1,
        "options": {"num_ctx": 2048},
    }


async def test_the_length_of_the_vectors_is_found_by_a_trial_or_must_be_as_configured() -> None:
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server), NO_CONTEXT) as embedder:
            assert embedder.dimension == 2
            assert await embedder.embed([]) == []
            assert len(server.requests) == 1
        async with create(settings(server, dimension=3), NO_CONTEXT) as embedder:
            with pytest.raises(EmbedderError) as raised:
                await embedder.embed(["a"])
    assert raised.value.message == "m returned a vector of length 2 instead of 3"


async def test_a_text_that_is_too_long_says_what_to_do() -> None:
    told = {"error": "the input length exceeds the context length"}
    async with WireServer().running() as server:
        server.say(WireReply.of_json(told, status=400))
        async with create(settings(server, dimension=2), NO_CONTEXT) as embedder:
            with pytest.raises(EmbedderError) as raised:
                await embedder.embed(["a"])
    assert (raised.value.status, raised.value.is_retryable) == (400, False)
    assert "exceeds the context length" in raised.value.message


@pytest.mark.parametrize("reply", [{"embedding": [1.0]}, {"embeddings": ["x"]}, []])
async def test_an_answer_of_another_shape_is_no_answer(reply: Any) -> None:
    async with WireServer().running() as server:
        server.say(WireReply.of_json(reply))
        async with create(settings(server, dimension=2), NO_CONTEXT) as embedder:
            with pytest.raises(EmbedderError, match="not in the shape of Ollama's API"):
                await embedder.embed(["a"])
