"""The model at work: texts to vectors, on the threads of ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from hector.errors import EmbedderError
from hector_plugin_minilm.model_files import ModelFiles, read_files, unusable
from hector_plugin_minilm.onnx_graph import EncoderShape, encoder_model
from hector_plugin_minilm.settings import EmbedderSettings

__all__ = ["Encoder", "load"]

# Neither has types that a checker could use.
_onnx: Any = import_module("onnxruntime")
_safetensors: Any = import_module("safetensors.numpy")

_WARNINGS = 3
"""Of the levels of ONNX Runtime's log, the first that is shown: errors."""


def load(settings: EmbedderSettings) -> Encoder:
    """Read a model from the disk; takes tenths of a second of the thread it is called in.

    Raises:
        EmbedderError: it cannot be used.
    """
    files = read_files(settings.path)
    shape = EncoderShape(layers=files.layers, heads=files.heads, epsilon=files.epsilon)
    try:
        tokenizer = _tokenizer(files, settings)
        model, tensors = encoder_model(shape, _safetensors.load_file(files.weights))
        options = _options(settings)
        values = [_onnx.OrtValue.ortvalue_from_numpy(it) for it in tensors.values()]
        options.add_external_initializers(list(tensors), values)
        session = _onnx.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except KeyError as error:
        raise unusable(f"its weights lack {error}", model=files.model) from error
    except EmbedderError:
        raise
    except (
        Exception
    ) as error:  # a component is opened; the libraries' errors have no class in common
        raise unusable(f"it cannot be loaded: {error}", model=files.model) from error
    return Encoder(files, tokenizer, session)


def _tokenizer(files: ModelFiles, settings: EmbedderSettings) -> Any:
    longest = settings.max_tokens or files.usual
    if longest > files.longest:
        raise unusable(
            f"it takes {files.longest} tokens",
            model=files.model,
            hint=f"lower `max_tokens` from {longest}",
        )
    try:
        tokenizer: Any = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # the library raises nothing narrower
        raise unusable(f"its tokenizer cannot be read: {error}", model=files.model) from error
    tokenizer.enable_truncation(max_length=longest)
    tokenizer.no_padding()
    return tokenizer


def _options(settings: EmbedderSettings) -> Any:
    options: Any = _onnx.SessionOptions()
    options.intra_op_num_threads = settings.threads or max(1, _processors() - 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = _WARNINGS
    # A thread that waits in a loop keeps a core from everybody else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A batch of another size would get memory of its own, which is kept for ever.
    options.enable_mem_pattern = False
    return options


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Encoder:
    """A model in memory. Its methods block, and may be called from several threads."""

    def __init__(self, files: ModelFiles, tokenizer: Any, session: Any) -> None:
        self.files = files
        self._tokenizer = tokenizer
        self._session = session

    def tokens(self, texts: Sequence[str]) -> list[Encoding]:
        """Cut texts into word pieces, and off where they are too long."""
        encodings: list[Encoding] = self._tokenizer.encode_batch_fast(texts)
        return encodings

    def vectors(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        """One vector for each text, as rows; texts of about the same length take the least time."""
        longest = max(len(encoding) for encoding in encodings)
        ids = np.zeros((len(encodings), longest), np.int64)
        mask = np.zeros((len(encodings), longest), np.int32)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        given = {"ids": ids, "mask": mask, "places": np.arange(longest, dtype=np.int64)}
        [states] = self._session.run(None, given)
        pooled: NDArray[np.float32] = (
            states[:, 0] if self.files.pooling == "cls" else _mean(states, mask)
        )
        if not self.files.is_normalized:
            return pooled
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        scaled: NDArray[np.float32] = pooled / np.maximum(lengths, np.float32(1e-12))
        return scaled


def _mean(states: NDArray[np.float32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
    counts = mask.sum(axis=1, keepdims=True).astype(np.float32)
    summed: NDArray[np.float32] = np.matmul(mask[:, None, :].astype(np.float32), states)[:, 0]
    mean: NDArray[np.float32] = summed / np.maximum(counts, np.float32(1))
    return mean
