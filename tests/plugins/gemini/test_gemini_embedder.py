"""What is peculiar to Google's embedding models, over a socket."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest

from hector.errors import EmbedderError
from hector.spi import BuildContext, Secret
from hector.testing import GeminiEmbeddingWire, WireReply, WireRequest, WireServer
from hector_plugin_gemini.embedder import create
from hector_plugin_gemini.settings import EmbedderSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
WIRE = GeminiEmbeddingWire()


def answer(request: WireRequest) -> WireReply:
    """A vector of length five for each text, of two components."""
    return WIRE.vectors([[3.0, 4.0] for _ in WIRE.texts(request)], request)


def settings(server: WireServer, **keys: Any) -> EmbedderSettings:
    return EmbedderSettings(api_key=Secret("k"), base_url=server.url, max_retries=0, **keys)


async def test_questions_and_passages_are_told_apart_by_a_task_type() -> None:
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, dimension=2), NO_CONTEXT) as embedder:
            await embedder.embed(["a"])
            await embedder.embed(["b", ""], purpose="query")
        passages, questions = (request.json["requests"] for request in server.requests)
    common = {"model": "models/gemini-embedding-001", "outputDimensionality": 2}
    assert passages == [
        {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", **common}
    ]
    assert questions == [
        {"content": {"parts": [{"text": text}]}, "taskType": "RETRIEVAL_QUERY", **common}
        for text in ("b", " ")
    ]


async def test_newer_models_are_told_in_words() -> None:
    """Each text is a request of its own, or they would all become one vector."""
    keys = {"model": "gemini-embedding-2", "dimension": 2}
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, **keys), NO_CONTEXT) as embedder:
            assert len(await embedder.embed(["a", "b"])) == 2
            await embedder.embed(["c"], purpose="query")
        async with create(settings(server, query_prefix="", **keys), NO_CONTEXT) as embedder:
            await embedder.embed(["c"], purpose="query")
        sent = [WIRE.texts(request) for request in server.requests]
    assert sent == [
        ["title: none | text: a", "title: none | text: b"],
        ["task: search result | query: c"],
        ["c"],
    ]


@pytest.mark.parametrize(
    ("keys", "length"),
    [
        ({"dimension": 2}, 1.0),
        ({"model": "gemini-embedding-2", "dimension": 2}, 5.0),
        ({"model": "novel", "dimension": 2}, 1.0),
        ({"model": "novel"}, 5.0),
    ],
)
async def test_shortened_vectors_are_scaled_where_google_does_not(
    keys: dict[str, Any], length: float
) -> None:
    """The server here does not, whatever the model."""
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, **keys), NO_CONTEXT) as embedder:
            [vector] = await embedder.embed(["a"])
            assert embedder.dimension == 2
    assert math.hypot(*vector) == pytest.approx(length)


async def test_the_identity_names_what_decides_a_vector() -> None:
    async with WireServer().running() as server:
        async with create(settings(server, dimension=2), NO_CONTEXT) as embedder:
            names = {embedder.identity("query"), embedder.identity("document")}
        async with create(settings(server, dimension=3), NO_CONTEXT) as embedder:
            names.add(embedder.identity("query"))
        async with create(
            settings(server, dimension=3, timeout=5.0, query_prefix=""), NO_CONTEXT
        ) as embedder:
            names.add(embedder.identity("query"))
    assert len(names) == 3


@pytest.mark.parametrize("reply", [{"embedding": [1.0]}, {"embeddings": [[1.0]]}, []])
async def test_an_answer_of_another_shape_is_no_answer(reply: Any) -> None:
    async with WireServer().running() as server:
        server.say(WireReply.of_json(reply))
        async with create(settings(server, dimension=2), NO_CONTEXT) as embedder:
            with pytest.raises(EmbedderError, match="not in the shape of Gemini's API"):
                await embedder.embed(["a"])
