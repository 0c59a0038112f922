"""The variables a config may use: the environment, then `.env` files, which never overrule it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from hector.errors import Diagnostic

__all__ = ["Environment", "env_files", "read_environment"]

_MAX_BYTES = 1024 * 1024


@attrs.frozen(kw_only=True)
class Environment:
    """Variables and where they came from.

    Attributes:
        variables: name to value; never shown in a message or a repr.
        files: the `.env` files that were read, strongest first.
    """

    variables: Mapping[str, str] = attrs.field(repr=False)
    files: tuple[Path, ...] = ()


def read_environment(
    folder: Path, env: Mapping[str, str] | None, problems: list[Diagnostic]
) -> Environment:
    """The environment for a config in `folder`. `os.environ` is read, never changed.

    Args:
        folder: where the config is; its `.env` wins over the one in the current folder, and that
            over the one at home.
        env: all there is, instead of `os.environ` and the `.env` files (for embedding and tests).
        problems: where an unreadable or malformed `.env` is reported (H101, H112).
    """
    if env is not None:
        return Environment(variables=dict(env))
    variables = dict(os.environ)
    files: list[Path] = []
    for path in env_files(folder):
        found = _read_file(path, problems)
        if found is None:
            continue
        files.append(path)
        for name, value in found.items():
            variables.setdefault(name, value)
    return Environment(variables=variables, files=tuple(files))


def env_files(folder: Path) -> list[Path]:
    """Every `.env` that counts for a config in `folder`, strongest first, whether it exists or not."""
    folders = [folder.resolve(), Path.cwd().resolve()]
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        folders.append(Path.home().resolve())
    return [place / ".env" for place in dict.fromkeys(folders)]


def _read_file(path: Path, problems: list[Diagnostic]) -> dict[str, str] | None:
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _MAX_BYTES:
            message = f"a .env file may have up to {_MAX_BYTES} bytes"
            problems.append(Diagnostic(code="H115", path="", message=message, file=str(path)))
            return None
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"cannot be read: {reason}"
        problems.append(Diagnostic(code="H101", path="", message=message, file=str(path)))
        return None
    return _parse(text, path, problems)


def _parse(text: str, path: Path, problems: list[Diagnostic]) -> dict[str, str]:
    """Values as they stand, without interpolation: a password may hold a dollar."""
    import io

    from dotenv.parser import parse_stream

    variables: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            problems.append(
                Diagnostic(
                    code="H112",
                    path="",
                    message="not a `NAME=value` line",
                    file=str(path),
                    line=binding.original.line,
                    column=1,
                )
            )
        elif binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables
