"""Vectors of llama.cpp: pooling, length, cutting, identity."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from llama_calls import open_embedder

from hector.errors import EmbedderError
from hector.spi import IdentifiedEmbedder, Vector


async def vectors(path: Path, texts: list[str], **keys: Any) -> list[Vector]:
    async with open_embedder(path, **keys) as embedder:
        return list(await embedder.embed(texts))


async def test_pooling_and_length_are_as_asked_for(noise: Path) -> None:
    """The mean where neither the file nor the settings say anything."""
    [usual] = await vectors(noise, ["some text"])
    [mean] = await vectors(noise, ["some text"], pooling="mean", normalize=False)
    [last] = await vectors(noise, ["some text"], pooling="last")
    length = math.hypot(*mean)
    assert math.hypot(*usual) == pytest.approx(1, abs=1e-4)
    assert length > 1.5
    assert [number / length for number in mean] == pytest.approx(list(usual), abs=1e-3)
    assert list(last) != pytest.approx(list(usual), abs=1e-2)


async def test_what_is_too_long_is_cut_or_an_error(noise: Path) -> None:
    text = "abcdefgh" * 100
    whole, cut, shorter = await vectors(noise, [text, text[:253], text[:150]])
    assert list(whole) == pytest.approx(list(cut), abs=1e-3)
    assert list(whole) != pytest.approx(list(shorter), abs=1e-3)
    with pytest.raises(EmbedderError, match="too large to process") as raised:
        await vectors(noise, [text], truncate=False)
    assert not raised.value.is_retryable


async def test_prefixes_stand_before_texts(noise: Path) -> None:
    async with open_embedder(noise, document_prefix="d: ", query_prefix="q: ") as embedder:
        [document] = await embedder.embed(["text"])
        [query] = await embedder.embed(["text"], purpose="query")
        assert embedder.identity("query") != embedder.identity("document")
    [first, second] = await vectors(noise, ["d: text", "q: text"])
    assert list(document) == pytest.approx(list(first), abs=1e-3)
    assert list(query) == pytest.approx(list(second), abs=1e-3)


async def test_its_vectors_may_be_kept(noise: Path) -> None:
    async with open_embedder(noise) as one, open_embedder(noise, batch_size=1) as same:
        assert isinstance(one, IdentifiedEmbedder)
        assert one.identity("document") == same.identity("document")
    async with open_embedder(noise, pooling="last") as other:
        assert other.identity("document") != one.identity("document")
