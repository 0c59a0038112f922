"""What the document source `directory` declares: its settings and its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Length, Provider, Range

__all__ = ["PROVIDERS", "DirectorySettings"]

_TEXT = (
    "md markdown mdx txt rst adoc org tex html htm xhtml xml json yaml yml toml ini cfg csv tsv "
    "go py java js ts jsx tsx c cc cpp h hpp cs rb php rs swift kt scala lua r sh sql css proto"
)
DEFAULT_INCLUDE: tuple[str, ...] = tuple(f"*.{suffix}" for suffix in _TEXT.split())
DEFAULT_EXCLUDE: tuple[str, ...] = (
    ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".*_cache",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class DirectorySettings:
    """Keys of a document source of type `directory`."""

    path: Annotated[Path, Doc("the folder")]
    include: Annotated[
        tuple[str, ...],
        Length(1),
        Doc("globs of the files to take; one without `/` matches a name at any depth"),
    ] = DEFAULT_INCLUDE
    exclude: Annotated[
        tuple[str, ...],
        Doc("globs of the files and folders to leave out; replaces the default list"),
    ] = DEFAULT_EXCLUDE
    max_file_size: Annotated[
        int, Range(minimum=1), Doc("bytes; a larger file is reported as failed")
    ] = 10 * 1024 * 1024
    follow_symlinks: Annotated[
        bool, Doc("take files and folders behind links, as far as they lie in the folder")
    ] = False


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="document_source",
        type="directory",
        settings=DirectorySettings,
        create="hector_std.directory_source:open_directory",
        summary="the files of a folder",
    ),
)
