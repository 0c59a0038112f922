"""From templates to a folder.

The templates are files beside this module: those of `common` and those of the kind, each with the suffix `.tmpl`. They
are what they will be, but for a few words: `sample` in its spellings (`hector_plugin_sample`, `Sample`, `SAMPLE`)
stands for the plugin's name, and a few words in capitals for what follows from Hector's version and from the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import attrs

from hector import __version__
from hector.cli.scaffold.kinds import KIND_TEXTS
from hector.errors import UsageError
from hector.plugin import API_LEVEL
from hector.spi import Kind

__all__ = ["ScaffoldName", "render", "scaffold_name", "write_scaffold"]

_PREFIX = "hector-plugin-"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 20
_SUFFIX = ".tmpl"


@attrs.frozen
class ScaffoldName:
    """A plugin's name in all its spellings.

    Attributes:
        words: as given, without a prefix, with dashes: `my-store`.
    """

    words: str

    @property
    def distribution(self) -> str:
        """`hector-plugin-my-store`."""
        return f"{_PREFIX}{self.words}"

    @property
    def type(self) -> str:
        """`my_store`: the word in the config, and the plugin's name."""
        return self.words.replace("-", "_")

    @property
    def package(self) -> str:
        """`hector_plugin_my_store`."""
        return self.distribution.replace("-", "_")

    @property
    def title(self) -> str:
        """`My store`."""
        return self.words.replace("-", " ").capitalize()

    @property
    def class_prefix(self) -> str:
        """`MyStore`."""
        return "".join(word.capitalize() for word in self.words.split("-"))


def scaffold_name(text: str) -> ScaffoldName:
    """Read the name of a plugin, with or without `hector-plugin-` before it.

    Raises:
        UsageError: it cannot be the name of a package and of a type.
    """
    words = text.removeprefix(_PREFIX).removeprefix(_PREFIX.replace("-", "_")).replace("_", "-")
    if not _NAME.fullmatch(words) or len(words) > _LONGEST:
        raise UsageError(
            f"{text!r} cannot be the name of a plugin",
            hint="take lower-case letters, digits and dashes, beginning with a letter, such as `my-store`;"
            f" at most {_LONGEST} characters",
        )
    return ScaffoldName(words)


def render(name: ScaffoldName, kind: Kind) -> Mapping[PurePosixPath, str]:
    """The files of a plugin: path in its folder to content."""
    root = files("hector.cli.scaffold") / "templates"
    found: dict[PurePosixPath, str] = {}
    for part in ("common", kind):
        for path, template in _templates(root / part, PurePosixPath()):
            text = template.read_text(encoding="utf-8")
            goal = _filled(str(path).removesuffix(_SUFFIX), name, kind)
            found[PurePosixPath(goal)] = _filled(text, name, kind)
    return dict(sorted(found.items()))


def _templates(
    folder: Traversable, path: PurePosixPath
) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _templates(item, path / item.name)
        elif item.name.endswith(_SUFFIX):
            yield path / item.name, item


def _filled(text: str, name: ScaffoldName, kind: Kind) -> str:
    said = KIND_TEXTS[kind]
    summary = said.summary.format(title=name.title)
    words = {
        "HECTOR_REQUIREMENT": _requirement(__version__),
        "API_LEVEL": f"level_{API_LEVEL}",
        "KIND_SUMMARY": summary,
        "KIND_NEXT": said.next,
        "hector-plugin-sample": name.distribution,
        "hector_plugin_sample": name.package,
        "SAMPLE": name.type.upper(),
        "Sample": name.class_prefix,
        "sample": name.type,
    }
    pattern = re.compile("|".join(map(re.escape, words)))
    return pattern.sub(lambda found: words[found[0]], text)


def _requirement(version: str) -> str:
    """What a plugin that is written for this version of Hector asks for."""
    major, minor = (int(number) for number in version.split(".")[:2])
    return f"hector>={major}.{minor},<{major}.{minor + 1}"


def write_scaffold(folder: Path, name: ScaffoldName, kind: Kind) -> list[Path]:
    """Write the files of a plugin into a folder, which is made.

    Returns:
        What was written.

    Raises:
        UsageError: the folder is there and not empty; nothing was written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists already",
            hint="name another folder with --into; nothing was written",
        )
    written: list[Path] = []
    for path, text in render(name, kind).items():
        goal = folder / path
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.write_text(text, encoding="utf-8", newline="\n")
        written.append(goal)
    return written
