"""Errors as people read them: what, where, what to do next; no traceback."""

from __future__ import annotations

import sys

import click

from hector.cli.diagnostics import print_diagnostics
from hector.errors import ConfigError, HectorError

__all__ = ["report"]


def report(error: Exception) -> int:
    """Print an error on stderr; returns the exit code."""
    if isinstance(error, ConfigError):
        print_diagnostics(error.diagnostics)
        count = sum(1 for item in error.diagnostics if item.severity == "error")
        click.echo(
            f"{count} problem{'' if count == 1 else 's'}: the config cannot be used.", err=True
        )
        return 1
    if isinstance(error, HectorError):
        click.echo(f"error: {error}", err=True)
        for note in getattr(error, "__notes__", ()):
            click.echo(f"also: {note}", err=True)
        return 1
    if isinstance(error, OSError) and error.filename:
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        return 1
    kind = type(error).__name__
    click.echo(f"error: unexpected {kind}: {error}", err=True)
    click.echo(
        f"This is a bug. Please report it with the output of: hector --debug {' '.join(sys.argv[1:])}",
        err=True,
    )
    return 1
