"""The embedder, against a real socket."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

import pytest
from openai_wire import Answer

from hector.errors import EmbedderError
from hector.spi import Secret
from hector_plugin_openai.settings import EmbedderSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai_wire import WireServer

    from conftest import OpenEmbedder

KEY = "sk-test-0123456789abcdef"


def answer(*vectors: Sequence[float] | str, order: Sequence[int] | None = None) -> dict[str, Any]:
    indices = order or range(len(vectors))
    data = [{"object": "embedding", "index": i, "embedding": vectors[i]} for i in indices]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": "m", "data": data, "usage": usage}


async def test_vectors_come_in_the_order_of_the_texts(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    """The API promises an index, not an order."""
    wire.say_json(answer([1.0, 0.0], [2.0, 0.5], [3.0, 1.0], order=(2, 0, 1)))
    async with open_embedder(model="own", dimension=2) as embedder:
        assert (embedder.model, embedder.dimension) == ("own", 2)
        vectors = await embedder.embed(["a", "b", "c"])
    assert [list(vector) for vector in vectors] == [[1.0, 0.0], [2.0, 0.5], [3.0, 1.0]]
    [asked] = wire.asked
    assert asked.path == "/v1/embeddings"
    assert asked.body == {"model": "own", "input": ["a", "b", "c"], "encoding_format": "float"}


async def test_texts_are_split_by_number_and_by_size(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    """No request exceeds `batch_size` texts or, save for one text alone, 300,000 bytes."""
    texts = ["a", "b", "c", "é" * 100_000, "d" * 100_001, "e" * 400_000, "", "\udce9"]
    sent = [["a", "b"], [texts[2], texts[3]], [texts[4]], [texts[5]], [" ", "?"]]
    sizes = [len(batch) for batch in sent]
    for size in sizes:
        wire.say_json(answer(*[[1.0]] * size))
    async with open_embedder(model="own", dimension=1, batch_size=2, max_concurrency=1) as embedder:
        assert len(await embedder.embed(texts)) == 8
    assert sorted(body["input"] for body in wire.bodies) == sorted(sent)


async def test_no_texts_ask_nothing(wire: WireServer, open_embedder: OpenEmbedder) -> None:
    async with open_embedder() as embedder:
        assert await embedder.embed([]) == []
    assert wire.asked == []


async def test_the_length_of_an_unknown_model_is_found_by_a_trial(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    wire.say_json(answer([0.0] * 7))
    async with open_embedder(model="own") as embedder:
        assert embedder.dimension == 7
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("model", "dimension"),
    [
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
        ("text-embedding-ada-002", 1536),
    ],
)
async def test_the_length_of_known_models_is_known(
    wire: WireServer, open_embedder: OpenEmbedder, model: str, dimension: int
) -> None:
    async with open_embedder(model=model) as embedder:
        assert embedder.dimension == dimension
    assert wire.asked == []


async def test_shorter_vectors_and_the_other_keys_are_asked_for(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    wire.say_json(answer(packed))
    settings = {"dimension": 2, "encoding_format": "base64", "user": "u-1"}
    async with open_embedder(**settings) as embedder:
        [vector] = await embedder.embed(["a"])
    assert list(vector) == [0.5, -2.0]
    assert wire.bodies[0] == {
        "model": "text-embedding-3-small",
        "input": ["a"],
        "dimensions": 2,
        "encoding_format": "base64",
        "user": "u-1",
    }


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer([1.0, 2.0]), "1 vectors came for 2 texts"),
        (answer([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]), "3 vectors came for 2 texts"),
        (answer([1.0, 2.0], [1.0, 2.0], order=(0, 0)), "2 vectors came for 2 texts"),
        (answer([1.0, 2.0], [1.0]), "a vector of length 1 instead of 2"),
        (answer([1.0, 2.0], [1.0, float("nan")]), "not finite"),
        (answer([1.0, 2.0], ["1", "2"]), "not in the shape"),  # type: ignore[list-item]
        (answer([1.0, 2.0], "no Base64!"), "not in the shape"),
        (answer([1.0, 2.0], "AAA="), "not in the shape"),  # half of a number
        ({"object": "list", "data": []}, "cannot be used"),
        ({}, "cannot be used"),
        ([], "cannot be used"),
    ],
)
async def test_a_wrong_answer_is_an_error(
    wire: WireServer, open_embedder: OpenEmbedder, reply: Any, message: str
) -> None:
    wire.say_json(reply)
    async with open_embedder(model="own", dimension=2) as embedder:
        with pytest.raises(EmbedderError, match=message):
            await embedder.embed(["a", "b"])


async def test_a_page_instead_of_an_answer_is_an_error(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    wire.say(Answer(headers={"content-type": "text/html"}, pieces=(b"<html>",)))
    async with open_embedder() as embedder:
        with pytest.raises(EmbedderError, match="cannot be used"):
            await embedder.embed(["a"])


async def test_a_refused_call_says_why_and_not_the_key(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    error = {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}
    wire.say_json({"error": error}, status=401)
    async with open_embedder(api_key=Secret(KEY)) as embedder:
        with pytest.raises(EmbedderError) as raised:
            await embedder.embed(["a"])
    assert str(raised.value) == (
        "[H530] openai answered 401: Incorrect API key provided: … (code invalid_api_key)\n"
        "  hint: check `api_key`, and that it may use this model"
    )


async def test_a_failed_trial_closes_what_was_opened(
    wire: WireServer, open_embedder: OpenEmbedder
) -> None:
    wire.say_json({"error": {"message": "no such model"}}, status=404)
    with pytest.raises(EmbedderError, match="no such model"):
        async with open_embedder(model="own"):
            pytest.fail("it opened")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "text-embedding-ada-002", "dimension": 5}, "is always 1536"),
        ({"dimension": 1537}, "is at most 1536"),
    ],
)
def test_lengths_a_model_cannot_give_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EmbedderSettings(api_key=Secret("k"), **settings)
