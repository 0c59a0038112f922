"""The laws that this plugin keeps: `hector plugins check llamacpp` runs these classes, on a small model of noise."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st

from hector.message import Message
from hector.spi import LLM, Embedder, GenerateParameters, LLMRequest, ToolSpec
from hector.testing import (
    KEYS_TO_NOBODY,
    EmbedderSuite,
    LLMSuite,
    ProviderSuite,
    SettingsKeys,
    open_component,
)
from hector_plugin_llamacpp import hector_embedder_providers, hector_llm_providers
from hector_plugin_llamacpp.conformance.tiny_gguf import write_gguf
from hector_plugin_llamacpp.settings import EmbedderSettings, LLMSettings

__all__ = [
    "DIG",
    "TestLlamaCpp",
    "TestLlamaCppEmbedder",
    "TestLlamaCppEmbedderProvider",
    "TestLlamaCppProvider",
]

DIG = ToolSpec(
    name="dig",
    description="Dig a hole.",
    parameters={
        "type": "object",
        "properties": {"depth": {"type": "string", "enum": ["shallow", "deep"]}},
        "required": ["depth"],
        "additionalProperties": False,
    },
    effect="idempotent",
)
"""A tool with few ways to be called."""

_FILE = "noise.gguf"
_KEYS: SettingsKeys = {
    "model": st.just(_FILE),
    "threads": st.just(1),
    **dict.fromkeys(("load_timeout", "timeout", "response_timeout")),  # too short is too short
    **KEYS_TO_NOBODY,
}


@contextmanager
def _noise_in(folder: Path) -> Generator[None]:
    write_gguf(folder / _FILE)
    yield


class OnNoise:
    """A class of laws on a model of noise."""

    @pytest.fixture(autouse=True)
    def on_noise(self) -> Generator[None]:
        """Write the model, and remove it."""
        with tempfile.TemporaryDirectory() as folder, _noise_in(Path(folder)):
            self.path = Path(folder) / _FILE
            yield


class TestLlamaCppProvider(ProviderSuite):
    """What every provider does, for models."""

    provider = hector_llm_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """Short contexts and answers, so that memory and time suffice; the template is that of the model."""
        short: SettingsKeys = {
            "context_window": st.integers(64, 512),
            "max_tokens": st.integers(1, 8),
            "slots": st.integers(1, 2),
            "chat_template": None,
        }
        return ({**_KEYS, **short},)

    def world(self, folder: Path) -> AbstractContextManager[object]:
        """See `ProviderSuite`."""
        return _noise_in(folder)


class TestLlamaCppEmbedderProvider(ProviderSuite):
    """What every provider does, for embedders."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """See `ProviderSuite`."""
        return ({**_KEYS, "context_window": st.integers(64, 512)},)

    def world(self, folder: Path) -> AbstractContextManager[object]:
        """See `ProviderSuite`."""
        return _noise_in(folder)


class TestLlamaCpp(OnNoise, LLMSuite):
    """Two answers are written at a time; of eight, six wait."""

    text_request = LLMRequest(
        messages=(Message.user("Say something."),),
        parameters=GenerateParameters(max_output_tokens=30),
    )
    tool_request = LLMRequest(
        messages=(Message.user("Hello"),),
        tools=(DIG,),
        parameters=GenerateParameters(tool_choice="required", max_output_tokens=200),
    )

    def open(self) -> AbstractAsyncContextManager[LLM]:
        """See `LLMSuite`."""
        settings = LLMSettings(
            model=str(self.path), threads=1, temperature=0, context_window=2048, max_tokens=40
        )
        return open_component(hector_llm_providers()[0], settings)


class TestLlamaCppEmbedder(OnNoise, EmbedderSuite):
    """What stands in a batch beside a text changes the last digits of its vector."""

    max_examples = 10
    tolerance = 1e-3

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        """See `EmbedderSuite`."""
        settings = EmbedderSettings(model=str(self.path), threads=1, context_window=256)
        return open_component(hector_embedder_providers()[0], settings)
