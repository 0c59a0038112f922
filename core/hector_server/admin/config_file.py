"""Putting a config into the place of the config file, so that a crash at any point leaves one whole file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import attrs

from hector_server.admin.replies import RequestRefusedError

__all__ = ["Draft", "FileChangedError", "draft_of"]

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}


class FileChangedError(Exception):
    """Somebody wrote the config file meanwhile."""


@attrs.frozen(kw_only=True)
class Draft:
    """A config written beside the file whose place it is to take; close it in any case.

    Attributes:
        target: the config file, links resolved.
        file: what was written, in the same folder, synchronised to disk.
        before: BLAKE2b of the bytes that are to be replaced.
        is_what_runs: whether those are, byte for byte, what the running config was read from.
    """

    target: Path
    file: Path
    before: str
    is_what_runs: bool

    def replace(self) -> None:
        """Take the place of the config file. Blocking.

        Raises:
            FileChangedError: it no longer holds what it held; it is left alone.
            OSError: it cannot be replaced; it is as it was.
        """
        if etag_of(self.target.read_bytes()) != self.before:
            raise FileChangedError
        self.file.replace(self.target)
        # The new name must outlive a power cut; where folders cannot be synchronised, it may not.
        with contextlib.suppress(OSError):
            folder = os.open(self.target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Remove what was written, unless it took its place. Blocking."""
        self.file.unlink(missing_ok=True)


def draft_of(text: str, *, format: str, files: tuple[Path, ...], etag: str) -> Draft:
    """Write a config beside the running one's file. Blocking.

    Args:
        text: what is to be the content of the file.
        format: how it is written.
        files: what the running config was read from, the config file first; none for a mapping.
        etag: of the running config.

    Raises:
        RequestRefusedError: the running config is not one file of that format, or it could not be
            written there.
    """
    parts = [file for file in files if file.name != ".env"]
    if not parts:
        raise RequestRefusedError(
            409, "the running config was not read from a file, so none can be written"
        )
    if len(parts) > 1:
        names = ", ".join(file.name for file in parts[1:])
        raise RequestRefusedError(
            409,
            f"the running config is not one file alone: it extends {names}",
            "change the files, then apply without a body",
        )
    if FORMATS.get(parts[0].suffix.lower()) != format:
        raise RequestRefusedError(409, f"{parts[0].name} is not written in {format.upper()}")
    try:
        target = parts[0].resolve(strict=True)
        before = etag_of(target.read_bytes())
        written = _written(target, text)
        return Draft(target=target, file=written, before=before, is_what_runs=before == etag)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RequestRefusedError(
            409,
            f"{parts[0].name} cannot be replaced: {reason}",
            "let the server's user write to its folder, or apply without persist",
        ) from error


def etag_of(data: bytes) -> str:
    """As the config's own etag, for a config of one file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _written(target: Path, text: str) -> Path:
    """A new file beside `target`, with its mode and owner, whose bytes have reached the disk."""
    old = target.stat()
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            new = os.fstat(number)
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                os.fchown(number, old.st_uid, old.st_gid)
            os.fchmod(number, old.st_mode & 0o7777)
            os.fsync(number)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
