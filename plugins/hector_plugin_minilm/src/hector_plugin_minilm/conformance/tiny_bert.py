"""A small random model of the BERT family, in the files that the sentence-transformers library writes."""

from __future__ import annotations

import json
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

__all__ = ["PLACES", "write_json", "write_model"]

safetensors: Any = import_module("safetensors.numpy")  # its types are of no use to a checker

WIDTH, WIDE, LAYERS, HEADS, PLACES = 32, 64, 2, 4, 64


def write_model(folder: Path, *, pooling: str = "mean_tokens", longest: int = 24) -> None:
    """Write the model, with the same weights each time.

    Args:
        folder: where to; it is made.
        pooling: the word of the library for how a text gets its vector from those of its tokens.
        longest: word pieces of a text that count.
    """
    (folder / "1_Pooling").mkdir(parents=True)
    letters = [chr(code) for code in range(97, 123)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer: Any = Tokenizer(
        WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")  # noqa: S106 - no password
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
    """Write a value as JSON."""
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
