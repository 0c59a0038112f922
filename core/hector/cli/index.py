"""`hector index`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import click

from hector.cli.files import config_option, find_config
from hector.cli.log import quiet_logging
from hector.errors import MemoryIndexError
from hector.runtime import Runtime

__all__ = ["command"]


@click.group("index")
def command() -> None:
    """See to the search over what was said in sessions."""


@command.command("rebuild")
@config_option
@click.pass_obj
def rebuild(is_debug: bool, /, *, config_file: Path | None) -> int:
    """Throw the index away and derive it from the sessions again.

    Never needed to keep it right: a damaged index is made again by itself. A server that runs meanwhile goes on.
    """
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)

    async def work() -> None:
        async with Runtime.open(file) as runtime:
            if runtime.memory is None:
                raise MemoryIndexError(
                    f"{file} has no index",
                    hint="add `index: {type: keyword}` under `server`",
                )
            start = time.perf_counter()
            await runtime.memory.rebuild()
            took_s = time.perf_counter() - start
            click.echo(f"The index of `{runtime.name}` is rebuilt, in {took_s:.1f} s.")

    asyncio.run(work())
    return 0
