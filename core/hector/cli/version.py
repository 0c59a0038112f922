"""`hector version`."""

from __future__ import annotations

import json
import platform

import click

from hector import __version__

__all__ = ["command"]


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Print the versions of Hector and of what it runs on."""
    from hector.plugin import API_LEVEL

    facts = {
        "hector": __version__,
        "api_level": API_LEVEL,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name} {value}")
