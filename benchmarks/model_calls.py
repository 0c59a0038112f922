"""What an adapter costs above the vendor's SDK: a streamed delta, and vectors for 10,000 short texts.

The transport gives canned replies at once, so that only the client's side is measured: CPU, not wall time. The SDK is
measured twice, as its users iterate (typed events) and as the adapter does (plain JSON); the bar is for the second,
which is the stricter one. Medians of several passes, taken in turn so that a busy machine is busy for all.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import openai

from hector.message import Message
from hector.spi import LLMRequest, LLMResponse, Secret
from hector_plugin_openai.embedder import OpenAIEmbedder, VectorRequests
from hector_plugin_openai.llm import OpenAILLM
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

PASSES = 7
DELTAS = 2_000
TEXTS = 10_000
BATCH = 100
DIMENSION = 256
BAR_DELTA_US = 25.0
BAR_EMBEDDING = 0.9
BASE_URL = "http://127.0.0.1/v1"
KEY = "benchmark"


class Canned(httpx2.AsyncByteStream):
    """A body in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def chat_pieces() -> list[bytes]:
    """A Chat Completions stream, one event to a piece."""

    def event(choices: list[Any], **more: Any) -> bytes:
        frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return f"data: {json.dumps({**frame, 'choices': choices, **more})}\n\n".encode()

    deltas = [
        event([{"index": 0, "delta": {"content": f" word{n}"}, "finish_reason": None}])
        for n in range(DELTAS)
    ]
    end = event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = {"prompt_tokens": 1, "completion_tokens": DELTAS, "total_tokens": DELTAS + 1}
    return [*deltas, end, event([], usage=usage), b"data: [DONE]\n\n"]


def vectors_body() -> bytes:
    """The vectors of one batch, as numbers."""
    vector = [round(n / 1000, 4) for n in range(DIMENSION)]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n in range(BATCH)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return json.dumps({"object": "list", "model": "m", "data": data, "usage": usage}).encode()


def client_for(pieces: list[bytes], media_type: str) -> openai.AsyncOpenAI:
    """A client whose every request is answered with `pieces`."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": media_type}, stream=Canned(pieces))

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return openai.AsyncOpenAI(api_key=KEY, base_url=BASE_URL, http_client=http, max_retries=0)


async def cpu_s(work: Callable[[], Awaitable[None]]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    await work()
    return time.process_time() - start


async def medians(works: dict[str, Callable[[], Awaitable[None]]]) -> dict[str, float]:
    """CPU seconds of each, the passes in turn."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for number in range(PASSES + 1):
        for name, work in works.items():
            taken = await cpu_s(work)
            if number:  # the first one warms up
                seen[name].append(taken)
    return {name: statistics.median(values) for name, values in seen.items()}


async def measure_deltas() -> None:
    """A streamed delta."""
    client = client_for(chat_pieces(), "text/event-stream")
    settings = LLMSettings(base_url=BASE_URL, api_key=Secret(KEY), model="m")
    llm, request = OpenAILLM(client, settings), LLMRequest(messages=(Message.user("Hello"),))
    body: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}

    async def adapter() -> None:
        *deltas, last = [chunk async for chunk in llm.generate(request)]
        assert len(deltas) == DELTAS
        assert isinstance(last, LLMResponse)

    async def typed() -> None:
        stream: Any = await client.chat.completions.create(**body)
        assert len([event async for event in stream]) == DELTAS + 2

    async def plain() -> None:
        stream: Any = await client.post(
            "/chat/completions",
            cast_to=object,
            body=body,
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )
        assert len([event async for event in stream]) == DELTAS + 2

    taken = await medians({"adapter": adapter, "typed": typed, "plain": plain})
    each = {name: seconds / DELTAS * 1e6 for name, seconds in taken.items()}
    above = each["adapter"] - each["plain"]
    print(
        f"delta: {each['adapter']:.1f} us; the SDK {each['plain']:.1f} us as plain JSON, "
        f"{each['typed']:.1f} us typed; above plain {above:.1f} us (bar {BAR_DELTA_US:g} us)"
    )


async def measure_embedding() -> None:
    """Vectors for short texts, in the same batches."""
    client = client_for([vectors_body()], "application/json")
    settings = EmbedderSettings(
        base_url=BASE_URL, api_key=Secret(KEY), model="m", dimension=DIMENSION, batch_size=BATCH
    )
    embedder = OpenAIEmbedder(VectorRequests(client, settings), settings, DIMENSION)
    texts = [f"a short text, number {n}" for n in range(TEXTS)]

    async def adapter() -> None:
        assert len(await embedder.embed(texts)) == TEXTS

    async def sdk() -> None:
        vectors: list[list[float]] = []
        for start in range(0, TEXTS, BATCH):
            reply = await client.embeddings.create(
                model="m", input=texts[start : start + BATCH], encoding_format="float"
            )
            vectors += [item.embedding for item in reply.data]
        assert len(vectors) == TEXTS

    taken = await medians({"adapter": adapter, "sdk": sdk})
    print(
        f"10,000 texts: {taken['adapter']:.2f} s, the SDK alone {taken['sdk']:.2f} s: "
        f"{taken['sdk'] / taken['adapter']:.2f} of its speed (bar {BAR_EMBEDDING:g})"
    )


async def main() -> None:
    """Print both."""
    await measure_deltas()
    await measure_embedding()


if __name__ == "__main__":
    asyncio.run(main())
