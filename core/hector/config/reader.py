"""From a file, a text or a mapping to one tree: parsed, `extends` merged, interpolated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from hector.config.environment import Environment, read_environment
from hector.config.fingerprint import canonical
from hector.config.interpolation import (
    InterpolationError,
    MissingVariableError,
    interpolate_text,
    interpolate_tree,
)
from hector.config.json_format import read_json
from hector.config.merging import merge
from hector.config.node import Node, key_problem, node_of, plain, value_problem
from hector.config.toml_format import read_toml
from hector.config.yaml_format import read_yaml
from hector.errors import ConfigError, Diagnostic

__all__ = ["MAX_BYTES", "ConfigSource", "Format", "RawConfig", "read", "read_text"]

MAX_BYTES: Final = 4 * 1024 * 1024
Format: TypeAlias = Literal["yaml", "toml", "json"]

_READERS: Final[dict[Format, Callable[[str, str | None, list[Diagnostic]], Node]]] = {
    "yaml": read_yaml,
    "toml": read_toml,
    "json": read_json,
}
_FORMATS: Final[dict[str, Format]] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".json": "json",
}


@attrs.frozen(kw_only=True)
class ConfigSource:
    """Where a config came from.

    Attributes:
        file: the config file, absolute; None for a mapping or a text without a file.
        files: every file that was read, the config first, then what it extends, then `.env` files;
            watch these.
        folder: relative paths in the config start here.
        etag: 32 hex digits of BLAKE2b over the bytes of the config file (of the text, of the
            mapping).
    """

    file: Path | None = None
    files: tuple[Path, ...] = ()
    folder: Path
    etag: str


@attrs.frozen(kw_only=True)
class RawConfig:
    """A config before it is checked against classes.

    Attributes:
        root: the merged and interpolated tree.
        source: where it came from.
        environment: the variables that filled it, also for keys that take their value from one.
        problems: what was wrong but did not keep it from being read on.
        texts: file name, as in diagnostics, to its text; to show the lines of problems.
    """

    root: Node = attrs.field(repr=False)
    source: ConfigSource
    environment: Environment
    problems: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


def read(
    source: str | os.PathLike[str] | Mapping[str, Any], *, env: Mapping[str, str] | None = None
) -> RawConfig:
    """Read a config file (`.yaml`, `.yml`, `.toml`, `.json`) or take a mapping as one.

    Args:
        source: path of the file, or the config itself; a mapping's relative paths start in the
            current folder.
        env: variables instead of `os.environ` and the `.env` files.

    Raises:
        ConfigError: the file, or one it extends, cannot be read at all (H101, H112, H114, H115).
            Lesser problems are kept in `RawConfig.problems`.
    """
    if isinstance(source, Mapping):
        problems: list[Diagnostic] = []
        root = node_of(source, problems)
        content = json.dumps(canonical(plain(root)), sort_keys=True)
        etag = _digest(content.encode())
        return _Assembly(Path.cwd(), env, problems).finish(root, None, None, etag)
    path = Path(source)
    problems = []
    assembly = _Assembly(path.absolute().parent, env, problems)
    root, data = assembly.load(path, str(path))
    return assembly.finish(root, path.absolute(), str(path), _digest(data))


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
    name = str(file) if file is not None else None
    path = Path(file).absolute() if file is not None else None
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise ConfigError((_too_large(name),))
    problems: list[Diagnostic] = []
    assembly = _Assembly(path.parent if path else Path.cwd(), env, problems)
    root = assembly.parse(text, format, name)
    return assembly.finish(root, path, name, _digest(data))


class _Assembly:
    """Puts one config together from its files."""

    def __init__(
        self, folder: Path, env: Mapping[str, str] | None, problems: list[Diagnostic]
    ) -> None:
        self._folder = folder
        self._problems = problems
        self._environment = read_environment(folder, env, problems)
        self._texts: dict[str, str] = {}
        self._files: dict[Path, None] = {}

    def load(self, path: Path, name: str) -> tuple[Node, bytes]:
        form = _FORMATS.get(path.suffix.lower())
        if form is None and path.is_dir():
            raise ConfigError((_is_folder(name),))
        if form is None:
            message = f"a config ends in .yaml, .yml, .toml or .json, not `{path.suffix}`"
            raise ConfigError((Diagnostic(code="H101", path="", message=message, file=name),))
        data = _read_bytes(path, name)
        self._files[path.absolute()] = None
        return self.parse(_decode(data, name), form, name), data

    def parse(self, text: str, format: Format, name: str | None) -> Node:
        if name is not None:
            self._texts[name] = text
        return _READERS[format](text, name, self._problems)

    def finish(self, root: Node, file: Path | None, name: str | None, etag: str) -> RawConfig:
        chain = (file.resolve(),) if file else ()
        merged = self._extended(root, self._folder, name, chain)
        filled = interpolate_tree(merged, self._environment.variables, self._problems)
        files = (*((file,) if file else ()), *(path for path in self._files if path != file))
        return RawConfig(
            root=filled,
            source=ConfigSource(
                file=file,
                files=(*files, *self._environment.files),
                folder=self._folder,
                etag=etag,
            ),
            environment=self._environment,
            problems=tuple(self._problems),
            texts=self._texts,
        )

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
            root, _ = self.load(target, shown)
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


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        problem = Diagnostic(code="H101", path="", message=message, file=name, line=line)
        raise ConfigError((problem,)) from error


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
