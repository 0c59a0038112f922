"""The folder of an embedded store: one sub-folder per collection, for one process at a time."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import portalocker

from hector.errors import VectorStoreError

__all__ = ["Folder", "damaged", "open_folder"]

_DESCRIPTION = "collection.json"
_SHARD = "shard"
_MAXIMUM_NAME = 200  # bytes as written; file systems take 255


@contextmanager
def open_folder(path: Path) -> Generator[Folder]:
    """Take a folder for this store alone, and give it back when left; it is made if absent.

    Raises:
        VectorStoreError: another store has it, or it cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with portalocker.Lock(
            path / ".lock",
            mode="a",
            flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING,
            fail_when_locked=True,
        ):
            _sweep(path)
            yield Folder(path)
    except portalocker.exceptions.LockException as error:
        raise VectorStoreError(
            f"the folder `{path}` is in use by another store or another process",
            hint="close that one, give this one a `path` of its own, or use a Qdrant server",
        ) from error
    except OSError as error:
        raise VectorStoreError(
            f"the folder `{path}` cannot be used: {error.strerror or error}",
            hint="check `path` and the rights on it",
        ) from error


class Folder:
    """Where collections lie. A collection appears and disappears as a whole, by renaming."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Sequence[str]:
        """Names of the collections, sorted."""
        found = self._path.glob(f"*/{_DESCRIPTION}")
        return sorted(unquote(file.parent.name) for file in found)

    def shard(self, name: str) -> Path:
        """Where the engine keeps the collection `name`."""
        return self._collection(name) / _SHARD

    def dimension(self, name: str) -> int | None:
        """Length of the collection's vectors; None if there is no such collection.

        Raises:
            VectorStoreError: its description cannot be read.
        """
        file = self._collection(name) / _DESCRIPTION
        try:
            dimension = json.loads(file.read_bytes())["dimension"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(name, file, error) from error
        if not isinstance(dimension, int):
            raise damaged(name, file, "`dimension` is not a number")
        return dimension

    @contextmanager
    def adding(self, name: str, dimension: int) -> Generator[Path]:
        """Give a place to make the shard in; the collection is there once this is left."""
        final, draft = self._collection(name), self._path / f".new-{uuid.uuid4().hex}"
        draft.mkdir()
        yield draft / _SHARD
        (draft / _DESCRIPTION).write_text(json.dumps({"name": name, "dimension": dimension}))
        draft.rename(final)

    def remove(self, name: str) -> None:
        """Remove a collection; nothing happens if it does not exist."""
        dropped = self._path / f".dropped-{uuid.uuid4().hex}"
        try:
            self._collection(name).rename(dropped)
        except FileNotFoundError:
            return
        shutil.rmtree(dropped)

    def _collection(self, name: str) -> Path:
        """Spell a name so that no two are one folder, and none leads elsewhere, on any system."""
        try:
            spelled = re.sub(rb"[^a-z0-9_-]", lambda found: b"%%%02X" % found[0][0], name.encode())
        except UnicodeEncodeError as error:
            raise VectorStoreError(f"collection name {name!a} is not Unicode") from error
        if not 0 < len(spelled) <= _MAXIMUM_NAME:
            raise VectorStoreError(
                f"collection name `{name}` is {'empty' if not name else 'too long'}",
                hint="choose one of at most 60 letters",
            )
        return self._path / spelled.decode()


def damaged(name: str, place: Path, reason: object) -> VectorStoreError:
    """Make the error for a collection whose files are not what was written."""
    return VectorStoreError(
        f"collection `{name}` in `{place}` cannot be opened: {reason}",
        hint="restore the folder from a backup, or drop the collection and index again",
    )


def _sweep(path: Path) -> None:
    """Remove what a process that was killed left half made or half removed."""
    for pattern in (".new-*", ".dropped-*"):
        for left in path.glob(pattern):
            shutil.rmtree(left)
