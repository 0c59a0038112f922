"""What is measured alike for every vendor, and how."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import attrs
import httpx
import httpx2

from hector.message import Message
from hector.spi import LLM, Embedder, LLMRequest, LLMResponse

DELTA_PASSES = 7
VECTOR_PASSES = 3  # OpenAI's and Cohere's SDKs take seconds for each
DELTAS = 2_000
TEXTS = 10_000
DIMENSION = 256
KEY = "benchmark"
BASE_URL = "http://127.0.0.1"
TOKENS = [f" word{n}" for n in range(DELTAS)]
VECTOR = [round(n / 1000, 4) for n in range(DIMENSION)]

Work: TypeAlias = Callable[[], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Works:
    """What one vendor's figures come from.

    Attributes:
        adapter: Hector's.
        plain: the same replies read as plain JSON, by the SDK where it can; what the bar is against.
        typed: the SDK as its users call it, or None where that is `plain`.
        baseline: what `plain` is, in words.
    """

    adapter: Work
    plain: Work
    typed: Work | None = None
    baseline: str = "the SDK as plain JSON"


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class _Stream2(httpx2.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def canned(pieces: Sequence[bytes], media_type: str) -> httpx.MockTransport:
    """Answers every request with `pieces`, at once."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": media_type}, stream=_Stream(pieces))

    return httpx.MockTransport(answer)


def canned2(pieces: Sequence[bytes], media_type: str) -> httpx2.MockTransport:
    """As `canned`, for the SDKs that use the successor."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": media_type}, stream=_Stream2(pieces))

    return httpx2.MockTransport(answer)


def sse(value: Any, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


async def ask(llm: LLM) -> None:
    """One streamed answer of an adapter."""
    *deltas, last = [chunk async for chunk in llm.generate(REQUEST)]
    assert len(deltas) == DELTAS
    assert isinstance(last, LLMResponse)


async def embed(embedder: Embedder) -> None:
    """All vectors of an adapter."""
    assert len(await embedder.embed(SHORT_TEXTS)) == TEXTS


REQUEST = LLMRequest(messages=(Message.user("Hello"),))
SHORT_TEXTS = [f"a short text, number {n}" for n in range(TEXTS)]


def batches(size: int) -> list[list[str]]:
    """The texts as an adapter sends them."""
    return [SHORT_TEXTS[start : start + size] for start in range(0, TEXTS, size)]


async def medians(works: dict[str, Work], passes: int) -> dict[str, float]:
    """CPU seconds of each; the passes in turn, so that a busy machine is busy for all."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for number in range(passes + 1):
        for name, work in works.items():
            start = time.process_time()
            await work()
            if number:  # the first one warms up
                seen[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seen.items()}
