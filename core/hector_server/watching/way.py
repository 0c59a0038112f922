"""The names that lead to a file: what must be watched to notice that another file stands there now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

__all__ = ["Way", "find_way"]

_MAX_LINKS = 40  # what Linux follows


@attrs.frozen
class Way:
    """What leads to some files.

    Attributes:
        names: every name that is looked up on the way: folders, links and the files themselves, without links in front
            of them, in the case that the file system compares. An event that names none of them is none of ours.
        folders: the folders these names stand in, as far as they exist.
    """

    names: frozenset[str]
    folders: frozenset[str]

    def leads_over(self, path: str) -> bool:
        """Whether `path` is one of the names."""
        return os.path.normcase(path) in self.names


def find_way(files: Iterable[Path]) -> Way:
    """Find what leads to `files`, which need not exist. Blocks for as long as the disk does."""
    names = {name for file in files for name in _names(file)}
    folders = {str(name.parent) for name in names}
    return Way(
        names=frozenset(os.path.normcase(name) for name in names),
        folders=frozenset(folder for folder in folders if Path(folder).is_dir()),
    )


def _names(file: Path) -> Iterator[Path]:
    """Walk as the system does when it opens the file: part by part, following each link."""
    absolute = file.absolute()
    place = Path(absolute.anchor)
    ahead = list(reversed(absolute.parts[1:]))
    links = 0
    while ahead:
        part = ahead.pop()
        if part == os.pardir:
            place = place.parent  # no link is left in `place`, so this is where the system goes
            continue
        place = place / part
        yield place
        try:
            target = place.readlink()
        except OSError:  # no link, or not there
            continue
        links += 1
        if links > _MAX_LINKS:
            return
        place = Path(target.anchor) if target.anchor else place.parent
        ahead.extend(reversed(target.parts[1:] if target.anchor else target.parts))
