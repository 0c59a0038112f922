"""`hector schema`."""

from __future__ import annotations

import json

import click

from hector.config import schema
from hector.plugin.registry import build_registry
from hector.spi import KINDS

__all__ = ["command"]


@click.command("schema")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option("--compact", is_flag=True, help="Print it on one line.")
def command(kind: str | None, compact: bool) -> None:
    """Print the JSON Schema of the config, for editors: the kernel's keys and those of the installed providers.

    KIND prints the schema of one kind's entries only, such as `llm`.
    """
    document = schema(build_registry(), kind=kind)
    click.echo(json.dumps(document, indent=None if compact else 2))
