"""Errors as people read them: what, where, what to do next; no traceback."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Sequence

import click

from hector.errors import ConfigError, HectorError

__all__ = ["report"]


def report(error: Exception, args: Sequence[str], *, is_debug: bool = False) -> int:
    """Print an error on stderr.

    Args:
        error: what ended the command.
        args: what the command was called with.
        is_debug: the traceback is printed before the message.

    Returns:
        The exit code.
    """
    if is_debug:
        traceback.print_exception(error)
    if isinstance(error, ConfigError):
        _report_config(error)
    elif isinstance(error, HectorError):
        click.echo(f"error: {error}", err=True)
        for note in getattr(error, "__notes__", ()):
            click.echo(f"also: {note}", err=True)
    elif isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror}", err=True)
    else:
        text = f": {error}" if str(error) else ""
        click.echo(f"error: unexpected {type(error).__name__}{text}", err=True)
        if not is_debug:
            again = shlex.join(["hector", "--debug", *args])
            click.echo(f"This is a bug. Please report it with the output of: {again}", err=True)
    return 1


def _report_config(error: ConfigError) -> None:
    from hector.cli.diagnostics import print_diagnostics

    print_diagnostics(error.diagnostics)
    errors = [item for item in error.diagnostics if item.severity == "error"]
    count = f"{len(errors)} problem{'' if len(errors) == 1 else 's'}"
    if any(item.code == "H101" for item in errors):
        todo = "Write a config with `hector init`, or name another file."
    else:
        todo = "`hector validate` checks it again."
    click.echo(f"{count}: the config cannot be used. {todo}", err=True)
