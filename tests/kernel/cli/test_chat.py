"""`hector chat`, on a real terminal and without one."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Generator

import pytest
from cli_screen import CTRL_C, CTRL_D, Screen, on_screen
from cli_terminal import Terminal


@pytest.fixture
def screen(terminal: Terminal) -> Generator[Screen]:
    with on_screen(terminal, "chat") as made:
        yield made


@pytest.fixture
def slow_screen(slow: Terminal) -> Generator[Screen]:
    with on_screen(slow, "chat") as made:
        yield made


def test_a_conversation_on_a_terminal(screen: Screen) -> None:
    """Commands, an answer, and Ctrl-D to leave."""
    screen.wait_for("second of test. /help lists the commands.")
    screen.wait_for(">")
    screen.write("/agent\r")
    screen.wait_for("  first  The one at the front.\n* second  The public one.\n")
    screen.wait_for(">")
    screen.write("hello\r")
    screen.wait_for("Hello! This agent has no documents to search, so I can do little by myself.\n")
    screen.wait_for(">")
    screen.write(CTRL_D)

    screen.wait_for("bye")
    assert screen.process.wait(10) == 0


def test_ctrl_c_stops_an_answer_and_the_chat_goes_on(slow_screen: Screen) -> None:
    """At the prompt it leaves."""
    slow_screen.wait_for(">")
    slow_screen.write("hello\r")
    slow_screen.wait_for("One moment")
    slow_screen.process.send_signal(signal.SIGINT)
    slow_screen.wait_for("stopped")
    slow_screen.wait_for(">")
    slow_screen.write(CTRL_C)

    slow_screen.wait_for("bye")
    assert slow_screen.process.wait(10) == 0


def test_without_a_terminal_each_line_is_a_message(terminal: Terminal) -> None:
    """Answers are data; what the commands say is talk."""
    lines = [
        "hello",
        "",
        "/agent first",
        "/agent third",
        "/tools",
        "/session s",
        "/nonsense",
        "hello",
    ]
    done = terminal.run("chat", stdin="\n".join(lines) + "\n")

    answer = "Hello! This agent has no documents to search, so I can do little by myself.\n"
    assert (done.returncode, done.stdout) == (0, answer * 2)
    assert done.stderr.splitlines() == [
        "second of test. /help lists the commands.",
        "agent first",
        "the config has no agent 'third'. There are: first, second.",
        "The config has no toolsets.",
        "session s",
        "There is no /nonsense. /help lists what there is.",
    ]


def test_a_chat_of_another_user_is_kept_as_theirs(terminal: Terminal) -> None:
    config = (terminal.folder / "hector.yaml").read_text()
    terminal.write("hector.yaml", f"{config}server: {{sessions: {{backend: sql}}}}\n")
    done = terminal.run("chat", "--user", "ada", "--session", "s", stdin="hello\n")
    assert done.returncode == 0

    listed = json.loads(terminal.run("sessions", "ls", "--json").stdout)
    assert [(item["user"], item["id"]) for item in listed["sessions"]] == [("ada", "s")]


def test_quit_leaves_and_tools_are_listed(terminal: Terminal) -> None:
    config = (terminal.folder / "hector.yaml").read_text()
    terminal.write("hector.yaml", config + "tools:\n  folder:\n    type: files\n    root: .\n")
    done = terminal.run("chat", stdin="/tools\n/new\n/quit\nhello\n")

    tools = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("folder.")]
    assert (done.returncode, done.stdout) == (0, "")
    assert tools == ["folder.read_file", "folder.list_files", "folder.grep_search"]
    assert re.fullmatch(r"session [0-9a-f]{32}", done.stderr.splitlines()[-1])
