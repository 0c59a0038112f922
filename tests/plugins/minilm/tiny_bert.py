"""Write a small random model of the BERT family, and compute what any of them says without ONNX Runtime."""

from __future__ import annotations

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

safetensors: Any = import_module("safetensors.numpy")  # its types are of no use to a checker

Array = NDArray[np.float64]

WIDTH, WIDE, LAYERS, HEADS, PLACES = 32, 64, 2, 4, 64


def write_model(folder: Path, *, pooling: str = "mean_tokens", longest: int = 24) -> None:
    """Write the files that the sentence-transformers library writes, with the same weights each time."""
    (folder / "1_Pooling").mkdir(parents=True)
    letters = [chr(code) for code in range(97, 123)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer: Any = Tokenizer(
        WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    safetensors.save_file(_weights(len(words)), folder / "model.safetensors")
    config = {
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDTH, "layer_norm_eps": 1e-12,
        "max_position_embeddings": PLACES, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
    }  # fmt: skip
    write_json(folder / "config.json", config)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": longest})
    write_json(folder / "1_Pooling" / "config.json", {f"pooling_mode_{pooling}": True})


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _weights(words: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(11)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (words, WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{at}.attention.{part}.weight"] = (WIDTH, WIDTH)
            shapes[f"{at}.attention.{part}.bias"] = (WIDTH,)
        shapes[f"{at}.intermediate.dense.weight"] = (WIDE, WIDTH)
        shapes[f"{at}.intermediate.dense.bias"] = (WIDE,)
        shapes[f"{at}.output.dense.weight"] = (WIDTH, WIDE)
        shapes[f"{at}.output.dense.bias"] = (WIDTH,)
        for part in ("attention.output", "output"):
            shapes[f"{at}.{part}.LayerNorm.weight"] = (WIDTH,)
            shapes[f"{at}.{part}.LayerNorm.bias"] = (WIDTH,)
    return {name: random.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


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
