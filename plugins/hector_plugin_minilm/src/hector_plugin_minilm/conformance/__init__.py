"""The laws that this plugin keeps: `hector plugins check minilm` runs these classes, on a small random model."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st

from hector.spi import Embedder
from hector.testing import EmbedderSuite, ProviderSuite, SettingsKeys, open_component
from hector_plugin_minilm import hector_embedder_providers
from hector_plugin_minilm.conformance.tiny_bert import PLACES, write_model
from hector_plugin_minilm.settings import EmbedderSettings

__all__ = ["TestMiniLM", "TestMiniLMProvider"]

_MODEL = "tiny-bert"


@contextmanager
def _model_in(folder: Path) -> Generator[None]:
    write_model(folder / _MODEL)
    yield


class TestMiniLMProvider(ProviderSuite):
    """What every provider does."""

    provider = hector_embedder_providers()[0]

    def setups(self) -> Sequence[SettingsKeys]:
        """A model that is there, what it can take, and as long as it takes to load it."""
        return (
            {
                "path": st.just(_MODEL),
                "max_tokens": st.none() | st.integers(3, PLACES),
                "threads": st.integers(1, 2),
                "load_timeout": None,
            },
        )

    def world(self, folder: Path) -> AbstractContextManager[object]:
        """See `ProviderSuite`."""
        return _model_in(folder)


class TestMiniLM(EmbedderSuite):
    """What stands in a batch beside a text may change the last digits of its vector."""

    tolerance = 1e-5

    @pytest.fixture(autouse=True)
    def on_a_model(self) -> Generator[None]:
        """Write the model, and remove it."""
        with tempfile.TemporaryDirectory() as folder, _model_in(Path(folder)):
            self.path = Path(folder) / _MODEL
            yield

    def open(self) -> AbstractAsyncContextManager[Embedder]:
        """See `EmbedderSuite`."""
        settings = EmbedderSettings(path=self.path, threads=1, batch_size=7)
        return open_component(hector_embedder_providers()[0], settings)
