"""Ollama: its own API, without an SDK, for that loses what the wire carries; the bar is bare httpx with json."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from hector_plugin_ollama.client import open_client
from hector_plugin_ollama.embedder import OllamaEmbedder, VectorRequests
from hector_plugin_ollama.facts import ModelFacts
from hector_plugin_ollama.llm import OllamaLLM
from hector_plugin_ollama.settings import EmbedderSettings, LLMSettings
from model_call_vendors.measure import (
    BASE_URL,
    DELTAS,
    DIMENSION,
    TEXTS,
    TOKENS,
    VECTOR,
    Works,
    ask,
    batches,
    canned,
    embed,
)

BATCH = 80
BARE = "bare httpx and json"


def _pieces() -> list[bytes]:
    def line(text: str, **more: Any) -> bytes:
        message = {"role": "assistant", "content": text}
        return json.dumps({"model": "m", "message": message, "done": False, **more}).encode()

    counts = {"prompt_eval_count": 1, "eval_count": DELTAS}
    lines = [line(text) for text in TOKENS]
    return [each + b"\n" for each in (*lines, line("", done=True, done_reason="stop", **counts))]


@asynccontextmanager
async def deltas() -> AsyncGenerator[Works]:
    """A streamed answer."""
    transport = canned(_pieces(), "application/x-ndjson")
    settings = LLMSettings(base_url=BASE_URL, model="m", inspect=False)
    http = httpx.AsyncClient(transport=transport)
    async with open_client(settings, transport) as client, http:
        llm = OllamaLLM(client, settings, ModelFacts())

        async def plain() -> None:
            async with http.stream("POST", f"{BASE_URL}/api/chat", json={}) as reply:
                lines = [json.loads(line) async for line in reply.aiter_lines()]
                assert len(lines) == DELTAS + 1

        yield Works(adapter=lambda: ask(llm), plain=plain, baseline=BARE)


@asynccontextmanager
async def vectors() -> AsyncGenerator[Works]:
    """Vectors for short texts."""
    reply = json.dumps({"model": "m", "embeddings": [VECTOR] * BATCH}).encode()
    transport = canned([reply], "application/json")
    settings = EmbedderSettings(base_url=BASE_URL, model="m", dimension=DIMENSION, batch_size=BATCH)
    http = httpx.AsyncClient(transport=transport)
    async with open_client(settings, transport) as client, http:
        requests = VectorRequests(client, settings)
        embedder = OllamaEmbedder(requests, settings, DIMENSION)

        async def bare() -> None:
            found: list[list[float]] = []
            for batch in batches(BATCH):
                body = {"model": "m", "input": batch}
                answer = await http.post(f"{BASE_URL}/api/embed", json=body)
                found += answer.json()["embeddings"]
            assert len(found) == TEXTS

        yield Works(adapter=lambda: embed(embedder), plain=bare, baseline=BARE)
