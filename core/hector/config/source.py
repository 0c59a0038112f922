"""Where a config comes from: a file, a mapping, a text that stands in for a file, or what was read before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

__all__ = [
    "FORMATS",
    "ConfigInput",
    "ConfigSnapshot",
    "ConfigSource",
    "ConfigText",
    "Format",
    "etag_of",
]

Format: TypeAlias = Literal["yaml", "toml", "json"]

FORMATS: Final[Mapping[str, Format]] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
}
"""File suffix, in lower case, to format."""


def _absolute(file: str | os.PathLike[str] | None) -> Path | None:
    return None if file is None else Path(file).absolute()


@attrs.frozen
class ConfigText:
    """A config as text, such as one that is being edited or was sent over HTTP.

    Attributes:
        text: the config.
        format: how it is written.
        file: the file it stands in for, made absolute: names it in diagnostics; relative paths, `extends` and `.env`
            start in its folder. The file itself is not read. None stands for the current folder.
    """

    text: str = attrs.field(repr=False)
    format: Format = "yaml"
    file: Path | None = attrs.field(default=None, converter=_absolute)


@attrs.frozen(kw_only=True)
class ConfigSnapshot:
    """The bytes of a config and of everything it extends, as they were when it was read.

    To read it again gives the same tree as then, whatever became of the files; `.env` files and the environment are
    read anew. A file that `extends` names through a variable which has changed meanwhile is read from disk.

    Attributes:
        content: the bytes or the text of the config, or its structure.
        format: how the bytes or the text are written.
        file: the config file, absolute, or None.
        name: what diagnostics call it, or None.
        folder: relative paths start here.
        parents: absolute path to the bytes of each file it extends.
    """

    content: bytes | str | Mapping[str, Any] = attrs.field(repr=False)
    format: Format = "yaml"
    file: Path | None = None
    name: str | None = None
    folder: Path
    parents: Mapping[Path, bytes] = attrs.field(factory=dict[Path, bytes], repr=False)


ConfigInput: TypeAlias = str | Path | Mapping[str, Any] | ConfigText | ConfigSnapshot
"""A file, the same structure as a mapping, a text, or what a `ConfigSource` kept."""


@attrs.frozen(kw_only=True)
class ConfigSource:
    """Where a config came from.

    Attributes:
        file: the config file, absolute; None for a mapping or a text without a file.
        files: every file that was read, the config first, then what it extends, then `.env` files. What to watch is
            more than that: see `watched_files`.
        folder: relative paths in the config start here.
        etag: 32 hex digits of BLAKE2b over the bytes of the config file (of the text, of the mapping) and of every
            file it extends, in the order they are read.
        snapshot: reads the same bytes again later, to return to this config.
    """

    file: Path | None = None
    files: tuple[Path, ...] = ()
    folder: Path
    etag: str
    snapshot: ConfigSnapshot = attrs.field(repr=False)


def etag_of(data: bytes, parents: Iterable[bytes]) -> str:
    """The etag of a config.

    Args:
        data: its own bytes.
        parents: the bytes of what it extends, in the order they are read.
    """
    digest = hashlib.blake2b(data, digest_size=16)
    for parent in parents:
        # The length keeps a line that moves from one file to the next from going unnoticed.
        digest.update(len(parent).to_bytes(8, "big"))
        digest.update(parent)
    return digest.hexdigest()
