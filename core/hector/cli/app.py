"""The `hector` command: finds its subcommands without importing them, and turns errors into messages and exit codes.

Exit codes: 0 ok, 1 wrong config or failed check, 2 usage, 3 needs a human, 4 needs a restart, 130
interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from hector import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("hector.cli.init:command", "Write a config to start from."),
    "run": ("hector.cli.run:command", "Ask an agent one question."),
    "chat": ("hector.cli.chat:command", "Talk with an agent in the terminal."),
    "serve": ("hector_server.command:serve", "Serve every agent over A2A."),
    "validate": (
        "hector.cli.validate:command",
        "Check a config and say everything that is wrong with it.",
    ),
    "plan": ("hector.cli.plan:command", "Say what a reload of a config would do."),
    "sessions": (
        "hector.cli.sessions:command",
        "List, show, export, import and remove sessions.",
    ),
    "approvals": (
        "hector.cli.approvals:command",
        "List and decide tool calls that wait for a person.",
    ),
    "checkpoints": (
        "hector.cli.checkpoints:command",
        "List, show, resume and drop tasks that are under way.",
    ),
    "index": ("hector.cli.index:command", "See to the search over what was said in sessions."),
    "token": ("hector.cli.token:command", "Make a token for the admin API."),
    "schema": ("hector.cli.schema:command", "Print the JSON Schema of the config."),
    "plugins": (
        "hector.cli.plugins:command",
        "List the installed plugins and what they offer, and check them.",
    ),
    "laws": (
        "hector.testing.laws_command:command",
        "List the laws that providers keep, and say why.",
    ),
    "version": (
        "hector.cli.version:command",
        "Print the versions of Hector and of what it runs on.",
    ),
}
"""Name to (where it lives, what it does). The server lives above the kernel, and the suites beside the
command line: they are named here, never imported."""


class LazyCommands(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name for one that does not exist."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try: hector init, then hector run 'your question'.",
)
@click.version_option(__version__, prog_name="hector")
@click.option(
    "--debug", is_flag=True, help="Show the traceback of errors; may stand after the command too."
)
@click.pass_context
def hector(ctx: click.Context, debug: bool) -> None:
    """Run AI agents from one config file, and serve them over A2A."""
    ctx.obj = debug


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    ours, is_debug = _without_debug(given)
    try:
        code = _run(["--debug", *ours] if is_debug else ours)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        # Whoever read the output has what they wanted. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the request border of the command line
        from hector.cli.errors import report

        code = report(error, ours, is_debug=is_debug)
    sys.exit(code)


def _without_debug(args: list[str]) -> tuple[list[str], bool]:
    """Take `--debug` out, wherever it stands before `--`."""
    end = args.index("--") if "--" in args else len(args)
    head = [item for item in args[:end] if item != "--debug"]
    return [*head, *args[end:]], len(head) < end


def _run(args: list[str]) -> int:
    try:
        with hector.make_context("hector", args) as context:
            code: object = hector.invoke(context)
            return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
