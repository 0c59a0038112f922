"""OpenAI: Chat Completions, and embeddings as numbers."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai

from hector.spi import Secret
from hector_plugin_openai.embedder import OpenAIEmbedder, VectorRequests
from hector_plugin_openai.llm import OpenAILLM
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings
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
    canned2,
    embed,
    sse,
)

BATCH = 100
URL = f"{BASE_URL}/v1"


def _pieces() -> list[bytes]:
    def event(choices: list[Any], **more: Any) -> bytes:
        frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return sse({**frame, "choices": choices, **more})

    deltas = [
        event([{"index": 0, "delta": {"content": text}, "finish_reason": None}]) for text in TOKENS
    ]
    end = event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = {"prompt_tokens": 1, "completion_tokens": DELTAS, "total_tokens": DELTAS + 1}
    return [*deltas, end, event([], usage=usage), b"data: [DONE]\n\n"]


def _client(pieces: list[bytes], media_type: str) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(transport=canned2(pieces, media_type))
    return openai.AsyncOpenAI(api_key=KEY, base_url=URL, http_client=http, max_retries=0)


@asynccontextmanager
async def deltas() -> AsyncGenerator[Works]:
    """A streamed answer."""
    async with _client(_pieces(), "text/event-stream") as client:
        llm = OpenAILLM(client, LLMSettings(base_url=URL, api_key=Secret(KEY), model="m"))
        body: Any = {
            "model": "m",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
        }

        async def plain() -> None:
            stream: Any = await client.post(
                "/chat/completions",
                cast_to=object,
                body=body,
                stream=True,
                stream_cls=openai.AsyncStream[Any],
            )
            assert len([event async for event in stream]) == DELTAS + 2

        async def typed() -> None:
            completions: Any = client.chat.completions
            stream = await completions.create(**body)
            assert len([event async for event in stream]) == DELTAS + 2

        yield Works(adapter=lambda: ask(llm), plain=plain, typed=typed)


@asynccontextmanager
async def vectors() -> AsyncGenerator[Works]:
    """Vectors for short texts."""
    data = [{"object": "embedding", "index": n, "embedding": VECTOR} for n in range(BATCH)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    reply = json.dumps({"object": "list", "model": "m", "data": data, "usage": usage}).encode()
    async with _client([reply], "application/json") as client:
        settings = EmbedderSettings(
            base_url=URL, api_key=Secret(KEY), model="m", dimension=DIMENSION, batch_size=BATCH
        )
        embedder = OpenAIEmbedder(VectorRequests(client, settings), settings, DIMENSION)

        async def sdk() -> None:
            found: list[list[float]] = []
            for batch in batches(BATCH):
                answer = await client.embeddings.create(
                    model="m", input=batch, encoding_format="float"
                )
                found += [item.embedding for item in answer.data]
            assert len(found) == TEXTS

        yield Works(adapter=lambda: embed(embedder), plain=sdk, baseline="the SDK")
