"""Problems of a config on a terminal: the place, the line, a caret, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from hector.config import render
from hector.errors import Diagnostic

__all__ = ["print_diagnostics"]


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print each problem with the line it stands on, on stderr."""
    texts: dict[str, str] = {}
    for item in diagnostics:
        text = ""
        if item.file is not None and item.line is not None:
            if item.file not in texts:
                texts[item.file] = _text(item.file)
            text = texts[item.file]
        click.echo(render(item, text), err=True)


def _text(file: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):  # gone meanwhile: the problem is told without its line
        return ""
