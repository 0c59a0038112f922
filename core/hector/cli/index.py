"""`hector index`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import click

from hector.cli.files import config_option, find_config
from hector.cli.log import quiet_logging
from hector.runtime.memory import rebuild_index

__all__ = ["command"]


@click.group("index")
def command() -> None:
    """See to the search over what was said in sessions."""


@command.command("rebuild")
@config_option
@click.pass_obj
def rebuild(is_debug: bool, /, *, config_file: Path | None) -> int:
    """Derive the index from the sessions again, and put it in the place of the old one.

    Never needed to keep it right: a damaged index is made again by itself. Until the new one is whole, the old one
    answers, also in a server that runs meanwhile.
    """
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)

    start = time.perf_counter()
    asyncio.run(rebuild_index(file))
    click.echo(f"The index is rebuilt, in {time.perf_counter() - start:.1f} s.")
    return 0
