"""`hector validate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import click

from hector.cli.diagnostics import print_diagnostics
from hector.cli.files import find_config
from hector.runtime import check_config

__all__ = ["command"]


@click.command("validate")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON on stdout.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(file: Path | None, as_json: bool, strict: bool) -> None:
    """Check FILE and say everything that is wrong with it; nothing is built and nobody is called.

    Exit code 0 when it can be used, 1 when it cannot.
    """
    path = find_config(file)
    problems = check_config(path)
    errors = [item for item in problems if strict or item.severity == "error"]
    if as_json:
        rows = [attrs.asdict(item) for item in problems]
        click.echo(json.dumps({"file": str(path), "valid": not errors, "problems": rows}, indent=2))
    else:
        print_diagnostics(problems)
        warnings = len(problems) - len(errors)
        notes = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
        if errors:
            click.echo(
                f"{path}: {len(errors)} problem{'' if len(errors) == 1 else 's'}{notes}", err=True
            )
        else:
            click.echo(f"{path}: valid{notes}")
    sys.exit(1 if errors else 0)
