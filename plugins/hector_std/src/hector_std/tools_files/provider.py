"""What the toolset `files` declares: its settings and its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import attrs

from hector.spi import Doc, Duration, Length, Provider, Range

__all__ = ["PROVIDERS", "FileToolName", "FileToolsSettings"]

FileToolName: TypeAlias = Literal["read_file", "list_files", "grep_search"]


@attrs.frozen(kw_only=True)
class FileToolsSettings:
    """Keys of a toolset of type `files`."""

    root: Annotated[Path, Doc("the folder; nothing outside it is read, through links neither")]
    tools: Annotated[tuple[FileToolName, ...], Length(1), Doc("the tools to offer")] = (
        "read_file",
        "list_files",
        "grep_search",
    )
    exclude: Annotated[
        tuple[str, ...],
        Doc("globs of what is not listed or searched; it can still be read by its path"),
    ] = (".git", ".venv", "venv", "node_modules", "__pycache__")
    deny: Annotated[
        tuple[str, ...],
        Doc("globs of what is neither listed, searched nor read: it may hold secrets"),
    ] = (".env", ".env.*", "*.pem", "*.key")
    max_file_size: Annotated[
        int, Range(minimum=1), Doc("bytes; larger files are neither read nor searched")
    ] = 10 * 1024 * 1024
    max_output: Annotated[int, Range(minimum=100), Doc("most characters of one answer")] = 50_000
    max_results: Annotated[int, Range(minimum=1), Doc("most entries or matches of one answer")] = (
        200
    )
    timeout: Annotated[
        float,
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
        Doc("how long one call may take"),
    ] = 20.0


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="toolset",
        type="files",
        settings=FileToolsSettings,
        create="hector_std.tools_files.toolset:open_file_tools",
        summary="read_file, list_files and grep_search, contained in one folder",
    ),
)
