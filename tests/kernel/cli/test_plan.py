"""`hector plan`: what a reload would do, from a running server or between two files."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cli_terminal import CONFIG, HECTOR, Terminal

TOKEN = "hector_this-token-is-only-for-tests-0123456789"

CHANGED = """\
name: test
llms:
  default:
    provider: offline
    passages: 7
  other:
    provider: offline
agents:
  first:
    description: The one at the front.
    visibility: internal
  third:
    llm: other
"""

LINES = """\
  ~ agents.first  because of llms.default
  - agents.second
  + agents.third
  ~ llms.default  because of llms.default.passages
  + llms.other
"""


@pytest.fixture(autouse=True)
def nobody(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a `.env`, and no token in the environment."""
    monkeypatch.setenv("HOME", str(terminal.folder / "home"))
    monkeypatch.delenv("HECTOR_ADMIN_TOKEN", raising=False)


@contextmanager
def serving(terminal: Terminal, *args: str) -> Generator[str]:
    """`hector serve` in the terminal's folder; gives its address."""
    process = terminal.start("serve", "--port", "0", *args)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        ready = next(line for line in lines if line.startswith("Hector is ready at "))
        yield ready.split()[-1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_a_server_says_what_it_would_do_with_a_config(terminal: Terminal) -> None:
    """Its own is not touched by that."""
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={TOKEN}\n")
    terminal.write("new.yaml", CHANGED)
    with serving(terminal) as url:
        done = terminal.run("plan", "new.yaml", "--url", url)
        same = terminal.run("plan", "--url", f"{url}/")
        health = httpx.get(f"{url}/health").json()

    assert (done.returncode, done.stderr) == (0, "")
    counts = "2 to add, 2 to rebuild, 1 to remove, 0 carried over"
    assert done.stdout == f"{LINES}Plan: {counts} (generation 1 runs now).\n"
    assert (same.returncode, same.stderr) == (0, "")
    assert same.stdout == "Nothing to do: 3 carried over (generation 1 runs now).\n"
    assert health["generation"] == 1


def test_json_is_what_the_admin_api_answers(terminal: Terminal) -> None:
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={TOKEN}\n")
    file = terminal.write("new.yaml", f"{CHANGED}server:\n  port: 4711\n")
    with serving(terminal) as url:
        done = terminal.run("plan", "new.yaml", "--json", "--url", url)
        answer = httpx.post(
            f"{url}/admin/v1/config/plan",
            content=file.read_bytes(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/yaml"},
        )

    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (4, "")
    assert told == answer.json()
    assert told["needs_restart"][0]["subject"] == "server.port"


def test_a_wrong_config_is_told_with_the_lines_of_the_file(terminal: Terminal) -> None:
    """Its problems name the local file, where the server speaks of its own."""
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={TOKEN}\n")
    terminal.write("new.yaml", f"{CONFIG}    instructio: Be kind.\n")
    with serving(terminal) as url:
        done = terminal.run("plan", "new.yaml", "--url", url)
    here = terminal.run("validate", "new.yaml")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[:3] == here.stderr.splitlines()[:3]
    assert done.stderr.startswith("new.yaml:11:5: [H102] agents.second.instructio: unknown key\n")
    assert done.stderr.endswith(
        "1 problem: the config cannot be used. `hector validate` checks it again.\n"
    )


def test_what_a_config_extends_is_read_by_the_server_and_that_is_said(terminal: Terminal) -> None:
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={TOKEN}\n")
    terminal.write("base.yaml", "agents: {from_server: {}}\n")
    terminal.write("elsewhere/base.yaml", "agents: {from_here: {}}\n")
    terminal.write("elsewhere/new.yaml", f"extends: base.yaml\n{CONFIG}")
    with serving(terminal) as url:
        done = terminal.run("plan", "elsewhere/new.yaml", "--url", url)

    assert done.returncode == 0
    assert done.stderr == (
        "note: base.yaml of the server were read, not those beside elsewhere/new.yaml\n"
    )
    assert done.stdout.startswith("  + agents.from_server\n")


def test_the_address_is_that_of_the_config(terminal: Terminal) -> None:
    """Also when its variables are set for the server only."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = f"{CONFIG}server:\n  host: 0.0.0.0\n  port: {port}\ndescription: ${{ONLY_THERE}}\n"
    terminal.write("hector.yaml", text)
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={TOKEN}\nONLY_THERE=x\n")
    process = terminal.start("serve")
    assert process.stderr is not None
    try:
        log = [line for _, line in zip(range(2), iter(process.stderr.readline, ""), strict=False)]
        while "Hector is ready" not in log[-1]:
            log.append(process.stderr.readline())
        terminal.write(".env", "")
        done = terminal.run("plan", env={"HECTOR_ADMIN_TOKEN": TOKEN})
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    warned = [line for line in log if "the admin token goes over plain HTTP" in line]
    assert len(warned) == 1
    assert done.returncode == 1  # its .env lost the variable meanwhile: the server says so
    assert "ONLY_THERE" in done.stderr


def test_with_a_hash_in_the_config_the_server_needs_no_token(terminal: Terminal) -> None:
    hashed = terminal.run("token", "--hash", stdin=TOKEN).stdout.strip()
    terminal.write("hector.yaml", f"{CONFIG}server:\n  admin:\n    token_hash: {hashed}\n")
    with serving(terminal) as url:
        done = terminal.run("plan", "--url", url, env={"HECTOR_ADMIN_TOKEN": TOKEN})
        wrong = terminal.run("plan", "--url", url, env={"HECTOR_ADMIN_TOKEN": f"{TOKEN}x"})

    assert (done.returncode, done.stderr) == (0, "")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == (
        f"error: [H600] {url} refuses the admin token\n"
        "  hint: set HECTOR_ADMIN_TOKEN to the token that the server was started with\n"
    )


def test_a_server_without_a_token_has_no_admin_api(terminal: Terminal) -> None:
    with serving(terminal) as url:
        done = terminal.run("plan", "--url", url, env={"HECTOR_ADMIN_TOKEN": TOKEN})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: [H600] {url} has no admin API\n"
        "  hint: start the server with HECTOR_ADMIN_TOKEN set; `hector token` makes a token\n"
    )


def test_a_server_that_is_not_there_is_said_to_be_so(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = terminal.run("plan", "--url", url, env={"HECTOR_ADMIN_TOKEN": TOKEN})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: [H600] no server answers at {url}: ")
    assert done.stderr.endswith(
        "\n  hint: start it with `hector serve`, or name its address with --url\n"
    )


def test_without_a_token_the_way_without_a_server_is_named(terminal: Terminal) -> None:
    done = terminal.run("plan")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: [H600] there is no admin token to ask http://127.0.0.1:8080 with\n"
        "  hint: set HECTOR_ADMIN_TOKEN, or compare two files with --against\n"
    )


def test_a_config_without_a_fixed_port_names_no_server(terminal: Terminal) -> None:
    terminal.write("hector.yaml", f"{CONFIG}server: {{port: 0}}\n")
    done = terminal.run("plan", env={"HECTOR_ADMIN_TOKEN": TOKEN})

    assert done.returncode == 1
    assert done.stderr == (
        "error: [H001] hector.yaml does not say which port its server has\n"
        "  hint: name its address with --url\n"
    )


def test_two_files_are_compared_without_a_server(terminal: Terminal) -> None:
    terminal.write("new.yaml", CHANGED)
    done = terminal.run("plan", "new.yaml", "--against", "hector.yaml")
    same = terminal.run("plan", "hector.yaml", "--against", "hector.yaml")
    told = json.loads(terminal.run("plan", "new.yaml", "--against", "hector.yaml", "--json").stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{LINES}Plan: 2 to add, 2 to rebuild, 1 to remove, 0 carried over.\n"
    assert same.stdout == "Nothing to do: 3 carried over.\n"
    assert told["generation"] is None
    assert told["changes"][0] == {
        "path": "agents.first",
        "action": "rebuild",
        "causes": ["llms.default"],
        "is_exclusive": False,
    }


def test_what_needs_a_restart_has_an_exit_code(terminal: Terminal) -> None:
    terminal.write("new.yaml", f"{CONFIG}server:\n  port: 4711\n")
    done = terminal.run("plan", "new.yaml", "--against", "hector.yaml")

    assert (done.returncode, done.stderr) == (4, "")
    assert done.stdout == (
        "  ! server.port: needs a restart: it was `8080` at the start, the config says `4711`\n"
        "Plan: 0 to add, 0 to rebuild, 0 to remove, 3 carried over, 1 for a restart.\n"
    )


@pytest.mark.parametrize("wrong", ["new.yaml", "old.yaml", "missing.yaml"])
def test_either_file_may_be_wrong(terminal: Terminal, wrong: str) -> None:
    for name in ("new.yaml", "old.yaml"):
        terminal.write(name, "agents: 7\n" if name == wrong else CONFIG)
    old = wrong if wrong == "missing.yaml" else "old.yaml"
    done = terminal.run("plan", "new.yaml", "--against", old)

    assert (done.returncode, done.stdout) == (1, "")
    assert wrong in done.stderr.splitlines()[0]


def test_a_file_cannot_be_held_against_a_server_and_a_file(terminal: Terminal) -> None:
    done = terminal.run("plan", "--against", "hector.yaml", "--url", "http://127.0.0.1:1")

    assert done.returncode == 2
    assert done.stderr.endswith("Error: --url and --against exclude each other.\n")


def test_an_address_without_its_scheme_is_wrong_usage(terminal: Terminal) -> None:
    """The token is sent nowhere, and nobody is told to start a server that runs."""
    done = terminal.run("plan", "--url", "127.0.0.1:8080")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "Error: --url takes an address such as http://127.0.0.1:8080, not 127.0.0.1:8080.\n"
    )


@pytest.mark.parametrize("wrong", ["new.yaml", "old.yaml"])
def test_problems_are_json_where_the_plan_would_be(terminal: Terminal, wrong: str) -> None:
    """A script reads one stream, whatever comes of it."""
    for name in ("new.yaml", "old.yaml"):
        terminal.write(name, "agents: 7\n" if name == wrong else CONFIG)
    done = terminal.run("plan", "new.yaml", "--against", "old.yaml", "--json")
    here = terminal.run("validate", wrong, "--json")

    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == json.loads(here.stdout)
    assert json.loads(done.stdout)["file"] == wrong


def test_colours_are_for_a_terminal(terminal: Terminal) -> None:
    """The lists above came through a pipe, and have none."""
    terminal.write("new.yaml", CHANGED)
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [*HECTOR, "plan", "new.yaml", "--against", "hector.yaml"],
            cwd=terminal.folder,
            stdout=theirs,
            env={**terminal.environment, "TERM": "xterm"},
            timeout=30,
            check=True,
        )
        text = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert "\x1b[32m\x1b[1m+\x1b[0m agents.third" in text
    assert "\x1b[31m\x1b[1m-\x1b[0m agents.second" in text


@pytest.mark.parametrize(
    ("token", "flaw"),
    [
        ("short", "has 5 characters, which can be guessed: it needs at least 32"),
        (
            f"{TOKEN}é",
            "has characters that no HTTP header can carry: only visible ASCII ones can be used",
        ),
    ],
)
def test_a_server_does_not_start_with_a_token_that_is_too_weak(
    terminal: Terminal, token: str, flaw: str
) -> None:
    terminal.write(".env", f"HECTOR_ADMIN_TOKEN={token}\n")
    done = terminal.run("serve", "--port", "0")

    assert done.returncode == 1
    assert done.stderr == (
        f"error: [H600] the admin token in HECTOR_ADMIN_TOKEN {flaw}\n"
        "  hint: make one with `hector token`, or unset the variable to switch the admin API off\n"
    )
    assert Path(terminal.folder / ".hector").exists() is False


def test_an_empty_token_switches_nothing_on(terminal: Terminal) -> None:
    terminal.write(".env", "HECTOR_ADMIN_TOKEN=\n")
    with serving(terminal) as url:
        answer = httpx.get(f"{url}/admin/v1/config", headers={"Authorization": "Bearer x"})

    assert answer.status_code == 404
