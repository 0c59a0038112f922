"""What a model of the BERT family says, computed without ONNX Runtime."""

from __future__ import annotations

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

safetensors: Any = import_module("safetensors.numpy")  # its types are of no use to a checker

Array = NDArray[np.float64]


def expected_vector(folder: Path, text: str, *, longest: int, pooling: str = "mean") -> Array:
    """The vector of a text: the published formulas, one text at a time, in 64 bits."""
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {
        name: value.astype(np.float64)
        for name, value in safetensors.load_file(folder / "model.safetensors").items()
    }
    states = _states(weights, config, tokenizer.encode(text).ids)
    pooled: Array = states[0] if pooling == "cls" else states.mean(axis=0)
    return pooled / np.linalg.norm(pooled)


def _states(weights: dict[str, Array], config: dict[str, Any], ids: list[int]) -> Array:
    def normalized(value: Array, name: str) -> Array:
        centred = value - value.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + config["layer_norm_eps"])
        return (
            centred / spread * weights[f"{name}.LayerNorm.weight"]
            + weights[f"{name}.LayerNorm.bias"]
        )

    def dense(value: Array, name: str) -> Array:
        return value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    words, places, types = (
        weights[f"embeddings.{part}_embeddings.weight"]
        for part in ("word", "position", "token_type")
    )
    state = normalized(words[ids] + places[: len(ids)] + types[0], "embeddings")
    heads = config["num_attention_heads"]
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            np.split(dense(state, f"{at}.attention.self.{part}"), heads, axis=1)
            for part in ("query", "key", "value")
        )
        seen = [_seen(*parts) for parts in zip(query, key, value, strict=True)]
        joined = dense(np.concatenate(seen, axis=1), f"{at}.attention.output.dense")
        state = normalized(joined + state, f"{at}.attention.output")
        wide = dense(state, f"{at}.intermediate.dense")
        bent = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        state = normalized(dense(bent, f"{at}.output.dense") + state, f"{at}.output")
    return state


def _seen(query: Array, key: Array, value: Array) -> Array:
    scores = query @ key.T / math.sqrt(query.shape[1])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    seen: Array = shares / shares.sum(axis=1, keepdims=True) @ value
    return seen
