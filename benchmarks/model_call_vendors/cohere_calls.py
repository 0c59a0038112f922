"""Cohere: the second version of chat, and of embed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import cohere
import httpx

from hector.spi import Secret
from hector_plugin_cohere.client import open_connection
from hector_plugin_cohere.embedder import CohereEmbedder, VectorRequests
from hector_plugin_cohere.llm import CohereLLM
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings
from model_call_vendors.measure import (
    BASE_URL,
    DELTAS,
    DIMENSION,
    KEY,
    TEXTS,
    TOKENS,
    VECTOR,
    Works,
    ask,
    batches,
    canned,
    embed,
    sse,
)

BATCH = 80  # divides the number of texts
MODEL = "command-a-plus-05-2026"
EMBEDDER = "embed-v4.0"


def _event(kind: str, **more: Any) -> bytes:
    return sse({"type": kind, **more}, kind)


def _pieces() -> list[bytes]:
    def content(**more: Any) -> Any:
        return {"message": {"content": more}}

    tokens = {"input_tokens": 1, "output_tokens": DELTAS}
    ended = {"finish_reason": "COMPLETE", "usage": {"tokens": tokens}}
    return [
        _event("message-start", id="m", delta={"message": {"role": "assistant"}}),
        _event("content-start", index=0, delta=content(type="text", text="")),
        *[_event("content-delta", index=0, delta=content(text=text)) for text in TOKENS],
        _event("content-end", index=0),
        _event("message-end", delta=ended),
    ]


def _client(transport: httpx.MockTransport) -> cohere.AsyncClientV2:
    http = httpx.AsyncClient(transport=transport)
    return cohere.AsyncClientV2(api_key=KEY, base_url=BASE_URL, httpx_client=http, max_retries=0)


@asynccontextmanager
async def deltas() -> AsyncGenerator[Works]:
    """A streamed answer."""
    transport = canned(_pieces(), "text/event-stream")
    settings = LLMSettings(base_url=BASE_URL, api_key=Secret(KEY), model=MODEL)
    http = httpx.AsyncClient(transport=transport)
    async with open_connection(settings, transport) as connection, http:
        llm, client = CohereLLM(connection, settings), _client(transport)
        messages: Any = [{"role": "user", "content": "Hello"}]

        async def plain() -> None:
            async with http.stream("POST", f"{BASE_URL}/v2/chat", json={}) as reply:
                lines = [line async for line in reply.aiter_lines() if line.startswith("data:")]
                assert len([json.loads(line[5:]) for line in lines]) == DELTAS + 4

        async def typed() -> None:
            stream = client.chat_stream(model=MODEL, messages=messages)
            assert len([event async for event in stream]) == DELTAS + 4

        yield Works(
            adapter=lambda: ask(llm), plain=plain, typed=typed, baseline="bare httpx and json"
        )


@asynccontextmanager
async def vectors() -> AsyncGenerator[Works]:
    """Vectors for short texts."""
    texts = ["t"] * BATCH
    answer = {"id": "e", "embeddings": {"float": [VECTOR] * BATCH}, "texts": texts}
    reply = json.dumps({**answer, "response_type": "embeddings_by_type"}).encode()
    transport = canned([reply], "application/json")
    settings = EmbedderSettings(
        base_url=BASE_URL,
        api_key=Secret(KEY),
        model=EMBEDDER,
        dimension=DIMENSION,
        batch_size=BATCH,
    )
    async with open_connection(settings, transport) as connection:
        requests, client = VectorRequests(connection, settings), _client(transport)
        embedder = CohereEmbedder(requests, settings, DIMENSION)

        async def sdk() -> None:
            found: list[list[float]] = []
            for batch in batches(BATCH):
                given = await client.embed(
                    model=EMBEDDER,
                    input_type="search_document",
                    texts=batch,
                    embedding_types=["float"],
                    output_dimension=DIMENSION,
                )
                found += given.embeddings.float_ or []
            assert len(found) == TEXTS

        yield Works(adapter=lambda: embed(embedder), plain=sdk, baseline="the SDK")
