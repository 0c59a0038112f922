"""What the tests of llama.cpp share: opening and asking."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from hector.message import Message
from hector.spi import LLMChunk, LLMRequest, LLMResponse
from hector.testing import open_component
from hector_plugin_llamacpp import hector_embedder_providers, hector_llm_providers
from hector_plugin_llamacpp.settings import EmbedderSettings, LLMSettings

[LLM_PROVIDER] = hector_llm_providers()
[EMBEDDER_PROVIDER] = hector_embedder_providers()


def open_llm(path: Path | str, **keys: Any) -> AbstractAsyncContextManager[Any]:
    """A model that says the same each time, on one thread."""
    given: dict[str, Any] = {
        "model": str(path), "threads": 1, "temperature": 0, "context_window": 2048,
        "max_tokens": 40, **keys,
    }  # fmt: skip
    return open_component(LLM_PROVIDER, LLMSettings(**given))


def open_embedder(path: Path, **keys: Any) -> AbstractAsyncContextManager[Any]:
    given: dict[str, Any] = {"model": str(path), "threads": 1, "context_window": 256, **keys}
    return open_component(EMBEDDER_PROVIDER, EmbedderSettings(**given))


def ask(text: str = "Hello", **keys: Any) -> LLMRequest:
    return LLMRequest(messages=(Message.user(text),), **keys)


async def chunks_of(llm: Any, request: LLMRequest) -> list[LLMChunk]:
    return [chunk async for chunk in llm.generate(request)]


async def answer_of(llm: Any, request: LLMRequest) -> LLMResponse:
    last = (await chunks_of(llm, request))[-1]
    assert isinstance(last, LLMResponse)
    return last
