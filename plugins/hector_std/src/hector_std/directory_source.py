"""The document source `directory`: the files of a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hector.errors import DocumentError, ToolError
from hector.spi import BuildContext, DocumentFailure, RawDocument
from hector_std.contained import ContainedFolder, FolderEntry
from hector_std.directory import DirectorySettings
from hector_std.globs import GlobSet

__all__ = ["DirectorySource", "open_directory"]


class DirectorySource:
    """The files of a folder, in the order of their paths; each id is the path below the folder."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._settings = settings
        self._folder = ContainedFolder(settings.path)
        self._include = GlobSet.of(settings.include)
        self._exclude = GlobSet.of(settings.exclude)

    async def documents(self) -> AsyncIterator[RawDocument | DocumentFailure]:
        """See `DocumentSource`.

        Raises:
            DocumentError: the folder does not exist or cannot be listed.
        """
        for entry in await asyncio.to_thread(self._entries):
            yield await asyncio.to_thread(self._read, entry)

    def _entries(self) -> list[FolderEntry]:
        if not self._settings.path.is_dir():
            raise DocumentError(
                f"`{self._settings.path}` is not a folder",
                hint="A relative path is relative to the folder of the config file.",
            )
        try:
            found = list(
                self._folder.walk(
                    follow_symlinks=self._settings.follow_symlinks,
                    is_skipped=self._exclude.matches,
                )
            )
        except ToolError as error:
            raise DocumentError(f"`{self._settings.path}`: {error.message}") from error
        files = [item for item in found if not item.is_folder and self._include.matches(item.path)]
        return sorted(files, key=lambda item: item.path)

    def _read(self, entry: FolderEntry) -> RawDocument | DocumentFailure:
        shown = entry.path.encode(errors="surrogateescape").decode(errors="replace")
        if shown != entry.path:
            return DocumentFailure(id=shown, reason="its name is not valid Unicode")
        try:
            data = self._folder.read(entry.path, limit=self._settings.max_file_size)
        except ToolError as error:
            return DocumentFailure(id=entry.path, reason=error.message)
        name = entry.path.rpartition("/")[2]
        return RawDocument(id=entry.path, data=data, name=name, metadata={"path": entry.path})


def open_directory(settings: DirectorySettings, _context: BuildContext) -> DirectorySource:
    """Make the source; the folder is looked at when it is asked for documents."""
    return DirectorySource(settings)
