"""The file that the plugin's laws run on is one that the reference library of the format reads."""

from __future__ import annotations

import struct
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hector_plugin_llamacpp.conformance.gguf_file import gguf_bytes

gguf: Any = import_module("gguf")  # its types are of no use to a checker

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
WHOLE = st.integers(0, 2**32 - 1)
SIGNED = st.integers(-(2**31), 2**31 - 1)
FLOATS = st.floats(width=32, allow_nan=False)
VALUES = st.one_of(
    WORDS,
    WHOLE,
    FLOATS,
    *(st.lists(items, min_size=1, max_size=4) for items in (WORDS, SIGNED, FLOATS)),
)
KEYS = st.text("abcdefghij._", min_size=1, max_size=12)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def value_of(field: Any) -> Any:
    """What a reader found, as Python has it."""
    return field.contents()


@settings(max_examples=40)
@given(
    fields=st.dictionaries(KEYS, VALUES, max_size=5),
    shapes=st.dictionaries(KEYS, SHAPES, max_size=4),
)
def test_what_is_written_is_read_by_the_reference(
    tmp_path_factory: Any, fields: dict[str, Any], shapes: dict[str, tuple[int, ...]]
) -> None:
    """Any fields and any tensors, bit by bit."""
    random = np.random.default_rng(3)
    tensors = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    path: Path = tmp_path_factory.mktemp("gguf") / "any.gguf"
    path.write_bytes(gguf_bytes(fields, tensors))

    reader = gguf.GGUFReader(path)

    read = {
        name: value_of(it) for name, it in reader.fields.items() if not name.startswith("GGUF.")
    }
    assert read == fields
    found = {it.name: np.array(it.data) for it in reader.tensors}
    assert found.keys() == tensors.keys()
    for name, weights in tensors.items():
        assert found[name].tobytes() == weights.tobytes()
        assert found[name].shape == weights.shape


def test_it_is_laid_out_as_the_format_says() -> None:
    content = gguf_bytes({"a": 1}, {"w": np.ones((2, 3), np.float32)})
    assert content[:24] == b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    assert len(content) % 32 == 0
    assert content.endswith(np.ones(6, np.float32).tobytes() + bytes(8))
