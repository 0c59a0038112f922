"""The server that the tests of the OpenAI plugin talk to, and components opened on it."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share openai_wire

from openai_wire import WireServer

from hector.spi import BuildContext, Secret
from hector_plugin_openai import embedder, llm
from hector_plugin_openai.embedder import OpenAIEmbedder
from hector_plugin_openai.llm import OpenAILLM
from hector_plugin_openai.settings import EmbedderSettings, LLMSettings

KEY = "sk-test-0123456789abcdef"
NO_CONTEXT = cast("BuildContext", None)  # neither `create` looks at its surroundings

OpenLLM: TypeAlias = Callable[..., AbstractAsyncContextManager[OpenAILLM]]
OpenEmbedder: TypeAlias = Callable[..., AbstractAsyncContextManager[OpenAIEmbedder]]


@pytest.fixture
async def wire() -> AsyncGenerator[WireServer]:
    server = WireServer()
    async with server.running():
        yield server


@pytest.fixture
def open_llm(wire: WireServer) -> OpenLLM:
    """Opens an LLM on the server: `responses` unless told otherwise, and without retries."""

    def opened(**settings: Any) -> AbstractAsyncContextManager[OpenAILLM]:
        given: dict[str, Any] = {
            "base_url": wire.url,
            "api": "responses",
            "api_key": Secret(KEY),
            "timeout": 10.0,
            "max_retries": 0,
        }
        return llm.create(LLMSettings(**(given | settings)), NO_CONTEXT)

    return opened


@pytest.fixture
def open_embedder(wire: WireServer) -> OpenEmbedder:
    """Opens an embedder on the server, without retries."""

    def opened(**settings: Any) -> AbstractAsyncContextManager[OpenAIEmbedder]:
        given: dict[str, Any] = {
            "base_url": wire.url,
            "api_key": Secret(KEY),
            "timeout": 10.0,
            "max_retries": 0,
        }
        return embedder.create(EmbedderSettings(**(given | settings)), NO_CONTEXT)

    return opened
