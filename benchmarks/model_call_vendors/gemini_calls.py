"""Gemini: `streamGenerateContent`, and `batchEmbedContents`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from google import genai
from google.genai import types

from hector.spi import Secret
from hector_plugin_gemini.client import open_connection
from hector_plugin_gemini.embedder import GeminiEmbedder, VectorRequests
from hector_plugin_gemini.llm import GeminiLLM
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings
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
MODEL = "gemini-3.8-flash"
EMBEDDER = "gemini-embedding-001"


def _event(parts: list[Any], **more: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": DELTAS, "totalTokenCount": DELTAS + 1}
    return sse(
        {
            "candidates": [candidate],
            "modelVersion": MODEL,
            "responseId": "r",
            "usageMetadata": usage,
        }
    )


def _client(transport: httpx2.MockTransport) -> genai.Client:
    return genai.Client(
        vertexai=False,
        api_key=KEY,
        http_options=types.HttpOptions(
            base_url=BASE_URL,
            api_version="v1beta",
            httpx_async_client=httpx2.AsyncClient(transport=transport),
        ),
    )


@asynccontextmanager
async def deltas() -> AsyncGenerator[Works]:
    """A streamed answer."""
    pieces = [_event([{"text": text}]) for text in TOKENS]
    pieces.append(_event([], finishReason="STOP"))
    transport = canned2(pieces, "text/event-stream")
    settings = LLMSettings(base_url=BASE_URL, api_key=Secret(KEY), model=MODEL)
    async with open_connection(settings, transport) as connection:
        llm, client = GeminiLLM(connection, settings), _client(transport)
        models: Any = client.aio.models  # its types name clients that are not installed
        api: Any = client._api_client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        body = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}

        async def plain() -> None:
            path = f"models/{MODEL}:streamGenerateContent?alt=sse"
            chunks = await api.async_request_streamed("post", path, dict(body))
            assert len([json.loads(chunk.body) async for chunk in chunks]) == DELTAS + 1

        async def typed() -> None:
            stream = await models.generate_content_stream(model=MODEL, contents="Hello")
            assert len([chunk async for chunk in stream]) == DELTAS + 1

        yield Works(adapter=lambda: ask(llm), plain=plain, typed=typed)


@asynccontextmanager
async def vectors() -> AsyncGenerator[Works]:
    """Vectors for short texts."""
    reply = json.dumps({"embeddings": [{"values": VECTOR}] * BATCH}).encode()
    transport = canned2([reply], "application/json")
    settings = EmbedderSettings(
        base_url=BASE_URL,
        api_key=Secret(KEY),
        model=EMBEDDER,
        dimension=DIMENSION,
        batch_size=BATCH,
    )
    async with open_connection(settings, transport) as connection:
        requests = VectorRequests(connection, settings)
        models: Any = _client(transport).aio.models
        embedder = GeminiEmbedder(requests, settings, DIMENSION)
        config = types.EmbedContentConfig(
            task_type="RETRIEVAL_DOCUMENT", output_dimensionality=DIMENSION
        )

        async def sdk() -> None:
            found: list[Any] = []
            for batch in batches(BATCH):
                answer = await models.embed_content(model=EMBEDDER, contents=batch, config=config)
                found += [item.values for item in answer.embeddings or ()]
            assert len(found) == TEXTS

        yield Works(adapter=lambda: embed(embedder), plain=sdk, baseline="the SDK")
