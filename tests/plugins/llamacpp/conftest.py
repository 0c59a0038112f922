"""A small random model in a GGUF file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share modules

from hector_plugin_llamacpp.conformance.tiny_gguf import write_gguf


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "noise.gguf"
    write_gguf(path)
    return path
