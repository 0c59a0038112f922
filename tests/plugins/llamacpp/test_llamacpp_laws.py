"""The laws of models and embedders, with llama.cpp itself."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from llama_calls import DIG, ask, open_embedder, open_llm

from hector.spi import LLM, Embedder, GenerateParameters
from hector.testing import EmbedderSuite, LLMSuite


class TestLLM(LLMSuite):
    """Two answers are written at a time; of eight, six wait."""

    text_request = ask("Say something.", parameters=GenerateParameters(max_output_tokens=30))
    tool_request = ask(
        tools=(DIG,), parameters=GenerateParameters(tool_choice="required", max_output_tokens=200)
    )

    @pytest.fixture(autouse=True)
    def model(self, noise: Path) -> None:
        self.path = noise

    def open(self) -> AbstractAsyncContextManager[LLM]:
        return open_llm(self.path)


class TestEmbedder(EmbedderSuite):
    """What stands in a batch beside a text changes the last digits of its vector."""

    max_examples = 10
    tolerance = 1e-3

    @pytest.fixture(autouse=True)
    def model(self, noise: Path) -> None:
        self.path = noise

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        return open_embedder(self.path)
