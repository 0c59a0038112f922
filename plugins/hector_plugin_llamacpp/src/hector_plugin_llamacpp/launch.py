"""With what llama.cpp is started, for both kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from hector.errors import UsageError
from hector.message import JSONValue
from hector_plugin_llamacpp.gguf_header import GGUFError, ModelHeader, read_header
from hector_plugin_llamacpp.machine import default_threads
from hector_plugin_llamacpp.models import PACKAGED, model_file
from hector_plugin_llamacpp.settings import PROVIDER, ModelSettings

__all__ = ["CheckedModel", "checked_model", "usual_parameters"]

_ERRORS_ONLY = 1
_PROMPTS_KEPT_MIB = 512
"""Memory for the contexts of conversations that lost their slot; llama.cpp's own default is 8 GiB."""


@attrs.frozen(kw_only=True)
class CheckedModel:
    """A model file that could be read.

    Attributes:
        name: of the packaged model, else of the file without its ending.
        path: where it is.
        header: what it says.
        stamp: its size in bytes, and when it was changed, in nanoseconds.
    """

    name: str
    path: Path
    header: ModelHeader
    stamp: tuple[int, int]


def checked_model(model: str, config_dir: Path) -> CheckedModel:
    """Find a model's file and read its header; blocks on the disk.

    Raises:
        UsageError: there is none, or it is no model.
    """
    path = model_file(model, config_dir)
    try:
        header, status = read_header(path), path.stat()
    except (GGUFError, OSError) as error:
        raise UsageError(
            f"{PROVIDER}: {path} cannot be used: {error}", hint="give the path of a GGUF file"
        ) from error
    return CheckedModel(
        name=model if model == PACKAGED else path.stem,
        path=path,
        header=header,
        stamp=(status.st_size, status.st_mtime_ns),
    )


def usual_parameters(settings: ModelSettings, path: Path) -> Mapping[str, JSONValue]:
    """Parameters of llama.cpp, by its names."""
    threads = settings.threads or default_threads()
    return {
        "model.path": str(path),
        "cpuparams.n_threads": threads,
        "cpuparams_batch.n_threads": threads,
        # Each slot has a context of its own, which no other answer eats up.
        "kv_unified": False,
        "cache_ram_mib": _PROMPTS_KEPT_MIB,
        "use_jinja": True,
        "offline": True,
        "ui": False,
        "prefill_assistant": False,
        "verbosity": _ERRORS_ONLY,
        **({} if settings.gpu_layers is None else {"n_gpu_layers": settings.gpu_layers}),
    }
