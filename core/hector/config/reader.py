"""From a file, a text or a mapping to one tree: parsed, `extends` merged, interpolated."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import attrs

from hector.config.entries import SECTIONS
from hector.config.environment import Environment, read_environment
from hector.config.fingerprint import canonical
from hector.config.interpolation import (
    InterpolationError,
    MissingVariableError,
    interpolate_text,
    interpolate_tree,
)
from hector.config.json_format import read_json
from hector.config.memory import Filled, KnownFile, Memory, Recorded, are_same
from hector.config.merging import merge
from hector.config.node import (
    Node,
    child_path,
    key_problem,
    node_of,
    plain,
    same_tree,
    value_problem,
)
from hector.config.pace import give_way
from hector.config.source import FORMATS, ConfigSnapshot, ConfigSource, ConfigText, Format, etag_of
from hector.config.toml_format import read_toml
from hector.config.yaml_again import read_yaml_again
from hector.config.yaml_format import read_yaml
from hector.errors import ConfigError, Diagnostic

__all__ = ["MAX_BYTES", "RawConfig", "read", "read_text"]

_SECTION_KEYS: Final = frozenset(section.key for section in SECTIONS)
MAX_BYTES: Final = 4 * 1024 * 1024
_READERS: Final[dict[Format, Callable[[str, str | None, list[Diagnostic]], Node]]] = {
    "yaml": read_yaml,
    "toml": read_toml,
    "json": read_json,
}


@attrs.frozen(kw_only=True)
class RawConfig:
    """A config before it is checked against classes.

    Attributes:
        root: the merged and interpolated tree.
        source: where it came from.
        environment: the variables that filled it, also for keys that take their value from one.
        problems: what was wrong but did not keep it from being read on.
        texts: file name, as in diagnostics, to its text; to show the lines of problems.
        files: what was parsed, to be remembered.
        filled: section and name to what an entry was filled from, to be remembered.
        has_old_places: whether entries may stand in other lines than their nodes say.
    """

    root: Node = attrs.field(repr=False)
    source: ConfigSource
    environment: Environment
    problems: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    files: Mapping[tuple[str | None, str], KnownFile] = attrs.field(
        factory=dict[tuple[str | None, str], KnownFile], repr=False
    )
    filled: Mapping[tuple[str, str], Filled] = attrs.field(
        factory=dict[tuple[str, str], Filled], repr=False
    )
    has_old_places: bool = False


def read(
    source: str | os.PathLike[str] | Mapping[str, Any] | ConfigText | ConfigSnapshot,
    *,
    env: Mapping[str, str] | None = None,
    memory: Memory | None = None,
) -> RawConfig:
    """Read a config file (`.yaml`, `.yml`, `.toml`, `.json`), or take a mapping or a text as one.

    Args:
        source: path of the file, or the config itself; a mapping's relative paths start in the
            current folder.
        env: variables instead of `os.environ` and the `.env` files.
        memory: of an earlier reading. Entries that say the same as then are the same nodes as then,
            whose places may be out of date unless there is something to say about them.

    Raises:
        ConfigError: the file, or one it extends, cannot be read at all (H101, H112, H114, H115).
            Lesser problems are kept in `RawConfig.problems`.
    """
    snapshot = _snapshot(source)
    problems: list[Diagnostic] = []
    assembly = _Assembly(snapshot, env, problems, memory)
    content = snapshot.content
    if isinstance(content, bytes | str):
        data = content if isinstance(content, bytes) else _encoded(content)
        return assembly.finish(assembly.parse(content, snapshot.format, snapshot.name), data)
    root = node_of(content, problems)
    return assembly.finish(root, _encoded(json.dumps(canonical(plain(root)), sort_keys=True)))


def read_text(
    text: str,
    *,
    format: Format = "yaml",
    file: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> RawConfig:
    """Read a config from its text, such as one that is being edited.

    Args:
        text: the config.
        format: how it is written.
        file: the file it stands for: names it in diagnostics, and relative paths start in its
            folder. Not read.
        env: variables instead of `os.environ` and the `.env` files.

    Raises:
        ConfigError: as `read`.
    """
    return read(_of_text(text, format, file, str(file) if file is not None else None), env=env)


def _snapshot(
    source: str | os.PathLike[str] | Mapping[str, Any] | ConfigText | ConfigSnapshot,
) -> ConfigSnapshot:
    """The bytes of a source, without those it extends, unless it has them already."""
    if isinstance(source, ConfigSnapshot):
        return source
    if isinstance(source, ConfigText):
        return _of_text(source.text, source.format, source.file, _name(source.file))
    if isinstance(source, Mapping):
        return ConfigSnapshot(content=source, folder=Path.cwd())
    path = Path(source)
    name = str(path)
    form, data = _read_file(path, name)
    file = path.absolute()
    return ConfigSnapshot(content=data, format=form, file=file, name=name, folder=file.parent)


def _name(file: Path | None) -> str | None:
    return None if file is None else str(file)


def _of_text(
    text: str, format: Format, file: str | os.PathLike[str] | None, name: str | None
) -> ConfigSnapshot:
    path = Path(file).absolute() if file is not None else None
    if len(_encoded(text)) > MAX_BYTES:
        raise ConfigError((_too_large(name),))
    folder = path.parent if path else Path.cwd()
    return ConfigSnapshot(content=text, format=format, file=path, name=name, folder=folder)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class _Assembly:
    """Puts one config together from its files."""

    def __init__(
        self,
        source: ConfigSnapshot,
        env: Mapping[str, str] | None,
        problems: list[Diagnostic],
        memory: Memory | None,
    ) -> None:
        self._source = source
        self._problems = problems
        self._memory = memory
        self._files: dict[tuple[str | None, str], KnownFile] = {}
        self._filled: dict[tuple[str, str], Filled] = {}
        self._environment = read_environment(source.folder, env, problems)
        self._texts: dict[str, str] = {}
        self._parents: dict[Path, bytes] = {}

    def _load(self, path: Path, name: str) -> Node:
        """The tree of a file that is extended."""
        if (data := self._source.parents.get(path)) is not None:
            form = FORMATS[path.suffix.lower()]
        else:
            form, data = _read_file(path, name)
        self._parents[path] = data
        return self.parse(data, form, name)

    def parse(self, data: bytes | str, format: Format, name: str | None) -> Node:
        """The tree of a file; the one of the last time if not a byte changed."""
        key = (name, format)
        known = self._memory.files.get(key) if self._memory is not None else None
        if known is None or known.data != data:
            text = data if isinstance(data, str) else _decode(data, name)
            known = self._parsed(data, text, format, name, known)
        self._files[key] = known
        self._problems += known.problems
        if name is not None:
            self._texts[name] = known.text
        return known.root

    def _parsed(
        self,
        data: bytes | str,
        text: str,
        format: Format,
        name: str | None,
        known: KnownFile | None,
    ) -> KnownFile:
        problems: list[Diagnostic] = []
        if format != "yaml":
            root = _READERS[format](text, name, problems)
            return KnownFile(data, root, text, tuple(problems))
        # Warnings tell places, and the places of a tree that is read in pieces are not kept up to date.
        is_exact = self._memory is None or self._memory.has_warnings
        earlier = None if known is None or is_exact else known.yaml
        yaml = read_yaml_again(text, name, problems, earlier)
        return KnownFile(data, yaml.root, text, tuple(problems), yaml)

    def finish(self, root: Node, data: bytes) -> RawConfig:
        source = self._source
        chain = (source.file.resolve(),) if source.file else ()
        merged = self._extended(root, source.folder, source.name, chain)
        filled = self._interpolated(merged)
        own = (source.file,) if source.file else ()
        parents = (path for path in self._parents if path != source.file)
        content = source.content
        if isinstance(content, Mapping):  # the caller may change it
            content = cast("dict[str, Any]", plain(root))
        return RawConfig(
            root=filled,
            source=ConfigSource(
                file=source.file,
                files=(*own, *parents, *self._environment.files),
                folder=source.folder,
                etag=etag_of(data, self._parents.values()),
                snapshot=attrs.evolve(source, content=content, parents=self._parents),
            ),
            environment=self._environment,
            problems=tuple(self._problems),
            texts=self._texts,
            files=self._files,
            filled=self._filled,
            has_old_places=any(
                file.yaml is not None and not file.yaml.is_exact for file in self._files.values()
            ),
        )

    def _interpolated(self, root: Node) -> Node:
        """The tree with its variables filled in; entry by entry where there are entries."""
        variables = self._environment.variables
        if not isinstance(root.value, dict):
            return interpolate_tree(root, variables, self._problems)
        entries: dict[str, Node] = {}
        for key, node in root.entries.items():
            if key in _SECTION_KEYS and isinstance(node.value, dict):
                items = {name: self._entry(key, name, item) for name, item in node.entries.items()}
                entries[key] = node.with_value(items)
            else:
                path = child_path("", key)
                entries[key] = interpolate_tree(node, variables, self._problems, path)
        return root.with_value(entries)

    def _entry(self, section: str, name: str, raw: Node) -> Node:
        variables = self._environment.variables
        give_way()
        known = self._memory.entries.get((section, name)) if self._memory is not None else None
        filled = known.filled if known is not None else None
        if (
            known is None
            or filled is None
            or not are_same(filled.seen, variables)
            or not same_tree(raw, filled.raw, with_places=bool(known.problems))
        ):
            filled = None
        if filled is None:
            asked = Recorded(variables)
            path = child_path(section, name)
            filled = Filled(raw, interpolate_tree(raw, asked, self._problems, path), asked.seen)
        self._filled[section, name] = filled
        return filled.node

    def _extended(
        self, root: Node, folder: Path, name: str | None, chain: tuple[Path, ...]
    ) -> Node:
        """The tree with what its `extends` names below it."""
        extends = root.entries.get("extends")
        if extends is None:
            return root
        own = root.with_value({key: item for key, item in root.entries.items() if key != "extends"})
        base: Node | None = None
        for index, item in enumerate(extends.items or [extends]):
            path = f"extends[{index}]" if extends.items else "extends"
            parent = self._parent(item, path, folder, name, chain)
            base = parent if base is None else merge(base, parent)
        return own if base is None else merge(base, own)

    def _parent(
        self, item: Node, path: str, folder: Path, name: str | None, chain: tuple[Path, ...]
    ) -> Node:
        relative = self._path_text(item, path)
        target = (folder / Path(relative).expanduser()).resolve()
        if target in chain:
            loop = " → ".join(place.name for place in (*chain[chain.index(target) :], target))
            raise ConfigError((value_problem(item, "H114", path, f"extends itself: {loop}"),))
        shown = os.path.normpath(Path(name).parent / relative) if name else relative
        try:
            root = self._load(target, shown)
        except ConfigError as error:
            unreadable = error.diagnostics[0]
            if unreadable.code not in {"H101", "H115"} or unreadable.file != shown:
                raise
            message = f"`{item.value}` {unreadable.message}"
            problem = value_problem(
                item, "H114", path, message, hint="the path is relative to this file"
            )
            raise ConfigError((problem,)) from error
        if not isinstance(root.value, dict):
            raise ConfigError(
                (value_problem(item, "H114", path, f"`{item.value}` is not a map of sections"),)
            )
        return self._extended(root, target.parent, shown, (*chain, target))

    def _path_text(self, item: Node, path: str) -> str:
        if not isinstance(item.value, str) or not item.value:
            raise ConfigError(
                (
                    value_problem(
                        item, "H114", path, "expected the path of a config, or a list of them"
                    ),
                )
            )
        try:
            return interpolate_text(item.value, self._environment.variables).text
        except MissingVariableError as error:
            problem = value_problem(
                item, "H106", path, f"the variable `{error.names[0]}` is not set"
            )
            raise ConfigError((problem,)) from error
        except InterpolationError as error:
            raise ConfigError((key_problem(item, "H119", path, str(error)),)) from error


def _read_file(path: Path, name: str) -> tuple[Format, bytes]:
    form = FORMATS.get(path.suffix.lower())
    if form is None and path.is_dir():
        raise ConfigError((_is_folder(name),))
    if form is None:
        message = f"a config ends in .yaml, .yml, .toml or .json, not `{path.suffix}`"
        raise ConfigError((Diagnostic(code="H101", path="", message=message, file=name),))
    return form, _read_bytes(path, name)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        problem = Diagnostic(code="H101", path="", message="does not exist", file=name)
        raise ConfigError((problem,)) from error
    except IsADirectoryError as error:
        raise ConfigError((_is_folder(name),)) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problem = Diagnostic(code="H101", path="", message=f"cannot be read: {reason}", file=name)
        raise ConfigError((problem,)) from error
    if len(data) > MAX_BYTES:
        raise ConfigError((_too_large(name),))
    return data


def _is_folder(name: str | None) -> Diagnostic:
    return Diagnostic(code="H101", path="", message="is a folder, not a config file", file=name)


def _too_large(name: str | None) -> Diagnostic:
    message = f"is larger than {MAX_BYTES // 1024 // 1024} MiB, the most a config may have"
    return Diagnostic(
        code="H115", path="", message=message, hint="split it with `extends`", file=name
    )


def _decode(data: bytes, name: str | None) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        problem = Diagnostic(code="H101", path="", message=message, file=name, line=line)
        raise ConfigError((problem,)) from error
