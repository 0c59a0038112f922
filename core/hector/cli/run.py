"""`hector run`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from hector.cli.answer import AnswerPrinter, JsonPrinter
from hector.cli.choose import choose_agent, warn_if_forgetful
from hector.cli.exchange import Exchange
from hector.cli.files import config_option, find_config
from hector.cli.log import quiet_logging
from hector.cli.prompt import has_terminal
from hector.runtime import Runtime
from hector.runtime.start import new_id

__all__ = ["command"]


@click.command("run")
@click.argument("question")
@config_option
@click.option("-a", "--agent", help="The agent. Default: the first one of the config.")
@click.option("-s", "--session", help="Go on in this session; needs a config that keeps sessions.")
@click.option("--user", default="local", show_default=True, help="Whose session.")
@click.option("--json", "as_json", is_flag=True, help="Print every event as a line of JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing about tools on stderr.")
@click.pass_obj
def command(
    is_debug: bool,
    /,
    *,
    question: str,
    config_file: Path | None,
    agent: str | None,
    session: str | None,
    user: str,
    as_json: bool,
    quiet: bool,
) -> int:
    """Ask an agent one QUESTION and print its answer (`-` reads it from stdin).

    A tool call that needs approval is asked about in the terminal; without one, or with --json, the command says how
    to decide. Exit code 0 when it was answered, 1 when not, 3 when a human must decide first, 130 when interrupted.
    """
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise click.UsageError("The question is empty.")
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)
    printer = JsonPrinter() if as_json else AnswerPrinter(is_quiet=quiet)

    async def ask() -> None:
        # Tasks that others left are for a server: this process ends with its answer.
        async with Runtime.open(file, resumes=False) as runtime:
            name = choose_agent(runtime, agent)
            if session is not None:
                warn_if_forgetful(runtime)
            task = new_id()
            exchange = Exchange(runtime, task, printer, asks=not as_json and has_terminal())
            await exchange.follow(runtime.run(name, text, user=user, session=session, task=task))
            await exchange.tell_waiting()

    asyncio.run(ask())
    return printer.exit_code
