"""Which files decide what a config says: those to watch, whether they exist or can be read or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from hector.config.environment import env_files, read_environment
from hector.config.interpolation import InterpolationError, MissingVariableError, interpolate_text
from hector.config.source import FORMATS

__all__ = ["watched_files"]

MAX_BYTES = 4 * 1024 * 1024
MAX_FILES = 1000


def watched_files(config_file: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The files that a config is made of, as far as it can be read: it may be broken.

    Args:
        config_file: the config.

    Returns:
        Absolute paths: the config, everything it extends, directly or not, and every `.env` that is or would be
        read. A file that does not exist is among them, so that its coming is seen. Symbolic links are not resolved,
        because what they point to may change; of what `extends` names, the target is there too.
    """
    config = Path(config_file).absolute()
    variables = read_environment(config.parent, None, []).variables
    found: dict[Path, None] = {config: None}
    waiting = [config]
    while waiting and len(found) < MAX_FILES:
        path = waiting.pop(0)
        for name in _extended_by(path):
            try:
                relative = interpolate_text(name, variables).text
            except (MissingVariableError, InterpolationError):
                continue
            # As the reader does: the folder of a parent is that of its target.
            target = _absolute(path.resolve().parent if path != config else path.parent, relative)
            if target is not None and target not in found:
                found[target] = None
                found[target.resolve()] = None
                waiting.append(target)
    return (*found, *(path for path in env_files(config.parent) if path not in found))


def _absolute(folder: Path, relative: str) -> Path | None:
    try:
        return Path(os.path.normpath(folder / Path(relative).expanduser()))
    except (RuntimeError, ValueError):  # an unknown user's home, a null byte
        return None


def _extended_by(path: Path) -> list[str]:
    """What a file's `extends` says; nothing for one that cannot be read that far."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        return []
    try:
        if not path.is_file():  # nobody may ever write to a named pipe
            return []
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return []
    if "extends" not in text:
        return []
    return _strings(_toml_extends(text) if form == "toml" else _yaml_extends(text))


def _strings(value: object) -> list[str]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str) and item]


def _toml_extends(text: str) -> object:
    """The key stands before the first table, so that what is broken further down does no harm."""
    import tomli

    head: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("[") and not _is_open(head):
            break
        head.append(line)
    try:
        return cast("object", tomli.loads("\n".join(head)).get("extends"))
    except (tomli.TOMLDecodeError, ValueError, RecursionError):
        return None


def _is_open(lines: list[str]) -> bool:
    """Whether a list of several lines has begun and not ended."""
    text = "\n".join(lines)
    return text.count("[") > text.count("]")


def _yaml_extends(text: str) -> object:
    """The value in the outermost map, read up to the first mistake."""
    import yaml

    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loader = loader_class(text)
    except yaml.YAMLError:
        return None
    try:
        return _of_events(_events(loader, yaml), yaml)
    finally:
        loader.dispose()


def _events(loader: Any, yaml: Any) -> Iterator[Any]:
    try:
        while loader.check_event():
            yield loader.get_event()
    except yaml.YAMLError:
        return


def _of_events(events: Iterator[Any], yaml: Any) -> object:
    depth, key, values = 0, None, None
    is_key = True
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            if values is not None and depth == 1:
                return values
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            text = getattr(event, "value", None)
            if values is not None and depth == 2:
                values.append(text)
            elif depth == 1 and is_key:
                key = text
            elif depth == 1 and key == "extends":
                return text
        elif isinstance(event, yaml.CollectionStartEvent):
            if depth == 1 and not is_key and key == "extends":
                values = list[object]()
            depth += 1
            if depth == 1:
                is_key = True
                continue
        else:
            continue
        if depth == 1:
            is_key = not is_key
    return values
