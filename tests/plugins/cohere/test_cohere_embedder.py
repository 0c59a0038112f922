"""What is peculiar to Cohere's embedding models, over a socket."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest

from hector.errors import EmbedderError
from hector.spi import BuildContext, Secret
from hector.testing import CohereEmbeddingWire, WireReply, WireRequest, WireServer
from hector_plugin_cohere.embedder import create
from hector_plugin_cohere.settings import EmbedderSettings

NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings
WIRE = CohereEmbeddingWire()


def answer(request: WireRequest) -> WireReply:
    """A vector of length five for each text, with two components that are not 0."""
    length = request.json.get("output_dimension", 2)
    vector = [3.0, 4.0] + [0.0] * (length - 2)
    return WIRE.vectors([vector for _ in WIRE.texts(request)], request)


def settings(server: WireServer, **keys: Any) -> EmbedderSettings:
    given: dict[str, Any] = {"model": "embed-novel", "dimension": 2, **keys}
    return EmbedderSettings(api_key=Secret("k"), base_url=server.url, max_retries=0, **given)


async def test_questions_and_passages_are_told_apart_by_an_input_type() -> None:
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server), NO_CONTEXT) as embedder:
            await embedder.embed(["a"])
        keys = {"model": "embed-v4.0", "dimension": 512, "truncate": "none"}
        async with create(settings(server, **keys), NO_CONTEXT) as embedder:
            await embedder.embed(["b", "", "\udce9"], purpose="query")
        passages, questions = (request.json for request in server.requests)
    common = {"embedding_types": ["float"]}
    assert passages == {
        "model": "embed-novel",
        "input_type": "search_document",
        "texts": ["a"],
        "truncate": "END",
        "output_dimension": 2,
        **common,
    }
    assert questions == {
        "model": "embed-v4.0",
        "input_type": "search_query",
        "texts": ["b", " ", "?"],
        "truncate": "NONE",
        "output_dimension": 512,
        **common,
    }


async def test_vectors_are_scaled_and_their_length_is_known_or_found_by_a_trial() -> None:
    async with WireServer().running() as server:
        server.answer = answer
        async with create(settings(server, dimension=None), NO_CONTEXT) as embedder:
            assert embedder.dimension == 2
            [vector] = await embedder.embed(["a"])
            assert len(server.requests) == 2
        known = settings(server, model="embed-v4.0", dimension=None)
        async with create(known, NO_CONTEXT) as embedder:
            assert embedder.dimension == 1536
            assert len(server.requests) == 2
    assert math.hypot(*vector) == pytest.approx(1)
    assert vector == pytest.approx([0.6, 0.8])


async def test_the_identity_names_what_decides_a_vector() -> None:
    names: set[str] = set()
    async with WireServer().running() as server:
        for keys in ({}, {"dimension": 3}, {"truncate": "none"}, {"timeout": 5.0}):
            async with create(settings(server, **keys), NO_CONTEXT) as embedder:
                names.add(embedder.identity("query"))
                names.add(embedder.identity("document"))
    assert len(names) == 6


@pytest.mark.parametrize(
    "reply",
    [{"embeddings": [[1.0]]}, {"embeddings": {"float": ["x"]}}, {"embeddings": {}}, {}, []],
)
async def test_an_answer_of_another_shape_is_no_answer(reply: Any) -> None:
    async with WireServer().running() as server:
        server.say(WireReply.of_json(reply))
        async with create(settings(server), NO_CONTEXT) as embedder:
            with pytest.raises(EmbedderError, match="not in the shape of Cohere's API"):
                await embedder.embed(["a"])
