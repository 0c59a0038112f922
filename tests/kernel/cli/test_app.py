"""The `hector` command itself: what it finds, what it says when it does not, what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest
from cli_terminal import Terminal

from hector import __version__
from hector.cli.app import COMMANDS, main

LIST_MODULES = """\
import json, sys
from hector.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


HEAVY = (
    "aiosqlite", "asyncio", "attr", "attrs", "email", "httpx", "importlib_metadata", "logging",
    "numpy", "openai", "opentelemetry", "packaging", "pluggy", "prompt_toolkit", "rich",
    "starlette", "uvicorn", "yaml",
)  # fmt: skip
"""What is heavy for a command that only says something."""

SDKS = (
    "aiosqlite", "httpx", "mcp", "numpy", "openai", "opentelemetry", "prompt_toolkit", "pydantic",
    "qdrant_client", "rich", "starlette", "uvicorn",
)  # fmt: skip


def loaded(terminal: Terminal, *args: str) -> set[str]:
    """The modules in the process at the end of a command that succeeds."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *args],
        cwd=terminal.folder,
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("args", [["--version"], ["--help"]])
def test_what_is_asked_most_loads_least(terminal: Terminal, args: list[str]) -> None:
    """No plugin, no SDK, no event loop, nothing of the kernel but the table of commands."""
    modules = loaded(terminal, *args)

    assert {name for name in modules if name.startswith("hector")} == {
        "hector",
        "hector.cli",
        "hector.cli.app",
    }
    assert packages(modules) & set(HEAVY) == set()


@pytest.mark.parametrize("command", ["validate", "schema"])
def test_checking_a_config_takes_no_event_loop_and_no_sdk(terminal: Terminal, command: str) -> None:
    """Plugins are asked what they offer; what they run on stays where it is."""
    modules = loaded(terminal, command)

    assert "hector_std" in modules
    assert packages(modules) & {*SDKS, "asyncio", "packaging"} == set()
    assert modules & {"hector.agent", "hector.rag", "hector.runtime.runtime"} == set()


def test_an_answer_loads_no_sdk_that_it_does_not_use(terminal: Terminal) -> None:
    modules = loaded(terminal, "run", "hello")

    assert packages(modules) & set(SDKS) == set()
    assert "hector.rag" not in modules


def test_every_command_is_listed_and_its_help_can_be_read(terminal: Terminal) -> None:
    """Each says in its first line what the list says, or more."""
    listed = terminal.run("--help").stdout
    assert all(f"  {name} " in listed for name in COMMANDS)

    from hector.cli.app import hector

    context = click.Context(hector)
    for name in COMMANDS:
        command = hector.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["validat"], "No such command 'validat'. Did you mean 'validate'?"),
        (
            ["zzz"],
            (
                "No such command 'zzz'. "
                "There are: init, run, chat, serve, validate, plan, sessions, approvals, "
                "checkpoints, index, token, schema, plugins, laws, version."
            ),
        ),
        (["--nothing"], "No such option '--nothing'."),
    ],
)
def test_a_command_that_does_not_exist_is_wrong_use(
    capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(args)

    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "Usage: hector [OPTIONS] COMMAND [ARGS]...\n"
        f"Try 'hector --help' for help.\n\nError: {said}\n"
    )


def test_the_version_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])

    assert left.value.code == 0
    assert capsys.readouterr().out == f"hector, version {__version__}\n"


def failing(error: Exception) -> click.Command:
    @click.command("version")
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("the roof leaks"),
            (
                "error: unexpected RuntimeError: the roof leaks\n"
                "This is a bug. Please report it with the output of: hector --debug version 'a b'\n"
            ),
        ),
        (
            PermissionError(13, "Permission denied", "/etc/shadow"),
            "error: /etc/shadow: Permission denied\n",
        ),
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
    ],
)
def test_the_unexpected_is_a_message_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    from hector.cli.errors import report

    assert report(error, ["version", "a b"]) == 1
    assert capsys.readouterr().err == said

    monkeypatch.setattr("hector.cli.version.command", failing(error))
    with pytest.raises(SystemExit) as left:
        main(["version"])
    assert left.value.code == 1
    assert "Traceback" not in capsys.readouterr().err


def test_debug_tells_where_the_unexpected_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hector.cli.version.command", failing(RuntimeError("the roof leaks")))
    with pytest.raises(SystemExit) as left:
        main(["version", "--debug"])

    told = capsys.readouterr().err
    assert left.value.code == 1
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("error: unexpected RuntimeError: the roof leaks\n")


def test_debug_after_two_dashes_is_not_ours(terminal: Terminal) -> None:
    done = terminal.run("run", "--", "--debug")

    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_nobody_reads_is_no_error(terminal: Terminal) -> None:
    """`hector schema | head -1`, where the reader is gone before the first byte."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as gone:
        done = subprocess.run(
            [sys.executable, "-m", "hector", "schema"],
            cwd=terminal.folder,
            env=terminal.environment,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
