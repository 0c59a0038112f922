"""Write a BERT encoder in ONNX, for ONNX Runtime to run.

ONNX is Protocol Buffers with a dozen messages, of which a graph needs six; the numbers below are those of the fields
in `onnx.proto`. The operators of `com.microsoft` are ONNX Runtime's own: each is a whole step of a transformer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["EncoderShape", "encoder_model"]

_FLOAT, _INT32, _INT64 = 1, 6, 7
_EXTERNAL = 1
_IR_VERSION, _OPSET = 8, 17
_RUNTIME = "com.microsoft"

Weights = Mapping[str, NDArray[np.float32]]


@attrs.frozen(kw_only=True)
class EncoderShape:
    """What the weights alone do not say."""

    layers: int
    heads: int
    epsilon: float


def encoder_model(
    shape: EncoderShape, weights: Weights
) -> tuple[bytes, Mapping[str, NDArray[np.float32]]]:
    """The encoder as an ONNX model, and its tensors by their names.

    Its inputs are `ids` (int64) and `mask` (int32, 1 for a token and 0 for padding), both of shape [texts, tokens],
    and `places` (int64, [tokens], 0 and up); its output is `states` (float32, [texts, tokens, width]).

    Args:
        shape: see there.
        weights: by the names of the `transformers` library.

    Raises:
        KeyError: a tensor is missing.
    """
    graph = _Graph()
    state = graph.embeddings(shape, weights)
    for layer in range(shape.layers):
        state = graph.layer(shape, weights, layer, state)
    graph.add("Identity", [state], "states")
    return _model(graph), graph.values


class _Graph:
    """Nodes and tensors, written as they come."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self.values: dict[str, NDArray[np.float32]] = {}

    def tensor(self, name: str, values: NDArray[np.float32]) -> str:
        """A tensor whose values are given beside the model, so that they are in memory only once."""
        self.values[name] = np.ascontiguousarray(values, np.float32)
        dimensions = b"".join(_varint_field(1, size) for size in values.shape)
        place = _text(1, "location") + _text(2, "beside")
        self.tensors.append(
            dimensions
            + _varint_field(2, _FLOAT)
            + _text(8, name)
            + _field(13, place)
            + _varint_field(14, _EXTERNAL)
        )
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str, **given: float) -> str:
        domain = _RUNTIME if operator in _OF_RUNTIME else ""
        self.nodes.append(
            b"".join(_text(1, name) for name in inputs)
            + _text(2, output)
            + _text(4, operator)
            + b"".join(_field(5, _attribute(name, value)) for name, value in given.items())
            + _text(7, domain)
        )
        return output

    def embeddings(self, shape: EncoderShape, weights: Weights) -> str:
        """Words and places. Every text is of the first type, so that its row belongs to each place."""
        types = weights["embeddings.token_type_embeddings.weight"]
        places = weights["embeddings.position_embeddings.weight"] + types[0]
        words = self.tensor("words", weights["embeddings.word_embeddings.weight"])
        found = self.add("Gather", [words, "ids"], "words_found", axis=0)
        placed = self.add("Gather", [self.tensor("rows", places), "places"], "rows_found", axis=0)
        total = self.add("Add", [found, placed], "embedded")
        name = "embeddings.LayerNorm"
        inputs = [total, *(self._of(weights, f"{name}.{part}") for part in ("weight", "bias"))]
        return self.add("LayerNormalization", inputs, "state", axis=-1, epsilon=shape.epsilon)

    def layer(self, shape: EncoderShape, weights: Weights, layer: int, state: str) -> str:
        """One layer: attention and the two dense steps, each added to what came in and normalised."""
        at = f"encoder.layer.{layer}"
        own = f"{at}.attention.self"
        parts = ("query", "key", "value")
        matrix = np.concatenate([weights[f"{own}.{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([weights[f"{own}.{part}.bias"] for part in parts])
        inputs = [state, self.tensor(f"{own}.weight", matrix), self.tensor(f"{own}.bias", bias)]
        seen = self.add("Attention", [*inputs, "mask"], f"{at}.seen", num_heads=shape.heads)
        state = self._added(shape, weights, f"{at}.attention.output", seen, state)
        wide = self._matrix(weights, f"{at}.intermediate.dense", state)
        bent = self.add(
            "BiasGelu", [wide, self._of(weights, f"{at}.intermediate.dense.bias")], f"{at}.bent"
        )
        return self._added(shape, weights, f"{at}.output", bent, state)

    def _added(
        self, shape: EncoderShape, weights: Weights, name: str, value: str, state: str
    ) -> str:
        dense = self._matrix(weights, f"{name}.dense", value)
        tail = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        inputs = [dense, state, *(self._of(weights, f"{name}.{part}") for part in tail)]
        return self.add("SkipLayerNormalization", inputs, f"{name}.state", epsilon=shape.epsilon)

    def _matrix(self, weights: Weights, name: str, value: str) -> str:
        matrix = self.tensor(f"{name}.weight", weights[f"{name}.weight"].T)
        return self.add("MatMul", [value, matrix], f"{name}.product")

    def _of(self, weights: Weights, name: str) -> str:
        return self.tensor(name, weights[name])


_OF_RUNTIME = frozenset({"Attention", "BiasGelu", "SkipLayerNormalization"})


def _model(graph: _Graph) -> bytes:
    inputs = (
        _value("ids", _INT64, ("texts", "tokens")),
        _value("mask", _INT32, ("texts", "tokens")),
        _value("places", _INT64, ("tokens",)),
    )
    content = (
        b"".join(_field(1, node) for node in graph.nodes)
        + _text(2, "encoder")
        + b"".join(_field(5, tensor) for tensor in graph.tensors)
        + b"".join(_field(11, value) for value in inputs)
        + _field(12, _value("states", _FLOAT, ("texts", "tokens", "width")))
    )
    operators = (("", _OPSET), (_RUNTIME, 1))
    return (
        _varint_field(1, _IR_VERSION)
        + _field(7, content)
        + b"".join(
            _field(8, _text(1, name) + _varint_field(2, version)) for name, version in operators
        )
    )


def _value(name: str, kind: int, dimensions: Iterable[str]) -> bytes:
    shape = b"".join(_field(1, _text(2, dimension)) for dimension in dimensions)
    return _text(1, name) + _field(2, _field(1, _varint_field(1, kind) + _field(2, shape)))


def _attribute(name: str, value: float) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _varint_field(3, value) + _varint_field(20, 2)
    content = np.float32(value).tobytes()
    return _text(1, name) + _key(2, 5) + content + _varint_field(20, 1)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _key(number, 2) + _varint(len(content)) + content


def _varint_field(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint(value)


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers stand as their two's complement
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
