"""`hector validate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hector.cli.diagnostics import print_diagnostics
from hector.cli.files import config_option, find_config
from hector.runtime import check_config

__all__ = ["command"]


@click.command("validate")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON on stdout.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(file: Path | None, config_file: Path | None, as_json: bool, strict: bool) -> int:
    """Check FILE and say everything that is wrong with it; nothing is built and nobody is called.

    Exit code 0 when it can be used, 1 when it cannot.
    """
    path = find_config(file, config_file)
    problems = check_config(path)
    errors = [item for item in problems if strict or item.severity == "error"]
    if as_json:
        from hector.runtime import check_json

        click.echo(json.dumps(check_json(str(path), problems, is_strict=strict), indent=2))
        return 1 if errors else 0
    print_diagnostics(problems)
    warnings = len(problems) - len(errors)
    notes = f", {_counted(warnings, 'warning')}" if warnings else ""
    if errors:
        click.echo(f"{path}: {_counted(len(errors), 'problem')}{notes}", err=True)
        return 1
    click.echo(f"{path}: valid{notes}")
    return 0


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
