"""The toolset `files`: read, list and search the files of one folder."""

from __future__ import annotations

from hector_std.tools_files.provider import PROVIDERS, FileToolsSettings

__all__ = ["PROVIDERS", "FileToolsSettings"]
