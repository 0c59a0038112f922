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
    """Throw the index away and derive it again from the sessions.

    Never needed to keep it right: a damaged index is made again by itself. A server that runs meanwhile goes on.
    """
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)

    start = time.perf_counter()
    asyncio.run(rebuild_index(file))
    click.echo(f"The index is rebuilt, in {time.perf_counter() - start:.1f} s.")
    return 0
