"""Deciding on the command line: what waits, what a decision does, and what is refused."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from cli_screen import CTRL_C, on_screen
from cli_terminal import Terminal
from waiting_stage import bought, make_shop, task_and_call, waiting

if TYPE_CHECKING:
    from conftest import Inside

RESUME = "A server with this config goes on with it within a heartbeat. If none runs: hector checkpoints resume"

NOT_LATER = (
    "This config keeps no sessions: it cannot be decided any more once this ends."
    " Set server.sessions.backend: sql to decide later."
)


def test_without_a_terminal_run_ends_with_3_and_says_how_to_decide(
    terminal: Terminal, inside: Inside
) -> None:
    done = make_shop(terminal).run("run", "buy books")
    task, call = task_and_call(inside)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        "clerk waits to call buy: Buy 2 of book?",
        f"Decide with: hector approvals approve {task} {call} (or show, deny, edit)",
        f"Then, unless a server runs: hector checkpoints resume {task}",
    ]
    assert bought(terminal) == []


def test_what_is_kept_in_memory_cannot_be_decided_later(terminal: Terminal, inside: Inside) -> None:
    done = make_shop(terminal, is_kept=False).run("run", "buy books")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == ["clerk waits to call buy: Buy 2 of book?", NOT_LATER]
    code, said, talk = inside("approvals", "ls")
    assert (code, said) == (1, "")
    assert talk.startswith(
        "error: [H001] shop keeps its sessions in memory: they end with their process,"
    )


def test_an_approved_and_a_denied_call_of_one_answer(terminal: Terminal, inside: Inside) -> None:
    """The one runs, the other does not, and the agent goes on with both."""
    make_shop(terminal, calls=2).run("run", "buy things")
    (task, first), (_, second) = task_and_call(inside), task_and_call(inside, at=1)

    code, said, talk = inside("approvals", "approve", task, first)
    assert (code, said) == (0, "")
    assert talk.splitlines() == [
        f"Approved buy of task {task}.",
        "1 other call waits in it: hector approvals ls",
        f"{RESUME} {task}",
    ]
    code, said, talk = inside("approvals", "deny", task[:8], second, "--reason", "too dear")
    assert (code, said) == (0, "")
    assert talk.splitlines() == [f"Denied buy of task {task}.", f"{RESUME} {task}"]

    done = terminal.run("checkpoints", "resume", task, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "I was told: bought 2 book; The call was denied and did not run. The reason: too dear\n",
        "",
    )
    assert bought(terminal) == ["2 book"]


def test_edited_arguments_are_those_that_run(terminal: Terminal, inside: Inside) -> None:
    make_shop(terminal).run("run", "buy books")
    arguments = '{"item": "map", "count": 1}'
    code, said, _ = inside("approvals", "edit", "-", "--arguments", arguments, "--json")
    assert code == 0
    assert json.loads(said) | {"task": ""} == {
        "task": "", "call": "call-1", "decision": "edit", "waiting": 0, "state": "ready",
    }  # fmt: skip

    assert terminal.run("checkpoints", "resume", "-", "-q").stdout == "I was told: bought 1 map\n"
    assert bought(terminal) == ["1 map"]


def test_arguments_that_do_not_fit_the_tool_are_refused_and_the_call_waits_on(
    terminal: Terminal, inside: Inside
) -> None:
    make_shop(terminal).run("run", "buy books")
    (task, call) = task_and_call(inside)
    code, said, talk = inside("approvals", "edit", "-", "--arguments", '{"item": 7}')
    assert (code, said) == (1, "")
    assert talk == (
        f"error: [H432] task `{task}` got arguments for call `{call}` that do not fit its tool: "
        "`count` is missing; `item`: expected string, got the integer 7\n"
        "  hint: correct them and decide again: the call still waits\n"
    )
    assert inside("approvals", "edit", "-", "--arguments", '{"item": "map", "count": 1}')[0] == 0


def test_a_call_is_shown_whole_and_harmless(terminal: Terminal, inside: Inside) -> None:
    """What is said by a model can do nothing to a terminal."""
    make_shop(terminal)
    plugin = (terminal.folder / "site/hector_plugin_buyer.py").read_text()
    nasty = plugin.replace('("book", ', r'("book\x1b[2J" + "s" * 5000 + "\nlast", ')
    terminal.install("buyer", nasty)
    terminal.run("run", "buy books")

    code, said, _ = inside("approvals", "show", "-")
    assert code == 0
    assert "\x1b" not in said
    assert r"  item = book\x1b[2J" + "s" * 5000 + "\n      last\n" in said
    (told,) = waiting(inside)
    assert told["arguments"]["item"] == "book\x1b[2J" + "s" * 5000 + "\nlast"
    assert (told["tool"], told["agent"], told["user"]) == ("buy", "clerk", "local")


def test_decisions_that_do_not_count_are_refused(terminal: Terminal, inside: Inside) -> None:
    """Twice, about no such call, about another than was shown, about another's: nothing is written."""
    make_shop(terminal, calls=2).run("run", "buy things")
    task, call = task_and_call(inside)
    hint = "\n  hint: `hector approvals ls` lists what waits\n"
    unknown = f"error: [H431] task `{task}` does not exist, or waits for nothing{hint}"

    def refusal(*args: str) -> str:
        code, said, talk = inside("approvals", *args)
        assert (code, said) == (1, "")
        return talk

    assert refusal("approve", task, "other") == (
        f"error: [H432] task `{task}` does not wait for call `other`{hint}"
    )
    assert refusal("approve", "other") == unknown.replace(task, "other")
    assert refusal("deny", task, call, "--user", "ada") == unknown
    assert refusal("approve", task) == (
        "error: [H001] there are 2 calls: call-1, call-2\n  hint: say which call is meant\n"
    )
    assert refusal("approve", task, call, "--call-hash", "0" * 64) == (
        f"error: [H432] task `{task}` would run call `{call}` otherwise than it was shown\n"
        "  hint: look at the call again, and decide about what it says now\n"
    )
    assert len(waiting(inside)) == 2
    assert inside("approvals", "approve", task, call)[0] == 0
    assert refusal("deny", task, call) == (
        f"error: [H432] task `{task}` does not wait for call `{call}`{hint}"
    )
    assert inside("approvals", "approve", task, "-")[0] == 0
    assert refusal("deny", task, call) == (
        f"error: [H432] task `{task}` waits for no decision: it was decided, has expired, or runs{hint}"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("[1]", "Invalid value for '--arguments': it is not a JSON object"),
        ("{", "Invalid value for '--arguments': it is not JSON: "),
    ],
)
def test_arguments_that_are_no_object_are_wrong_use(
    terminal: Terminal, inside: Inside, arguments: str, problem: str
) -> None:
    make_shop(terminal)
    code, said, talk = inside("approvals", "edit", "-", "--arguments", arguments)
    assert (code, said) == (2, "")
    assert problem in talk


def test_nothing_waits(terminal: Terminal, inside: Inside) -> None:
    make_shop(terminal)
    assert inside("approvals", "ls") == (0, "", "Nothing waits for a decision.\n")


def test_a_running_server_goes_on_with_what_was_decided_beside_it(
    terminal: Terminal, inside: Inside
) -> None:
    """Within its heartbeat."""
    make_shop(terminal, has_checkpoints=True).run("run", "buy books")
    with terminal.start("serve") as server:
        try:
            assert inside("approvals", "approve", "-")[0] == 0
            deadline = time.monotonic() + 25
            while inside("checkpoints", "ls")[2] != "No tasks.\n":
                assert time.monotonic() < deadline
                assert server.poll() is None
        finally:
            server.terminate()
            server.communicate()
    assert bought(terminal) == ["2 book"]
    (task,) = json.loads(inside("checkpoints", "ls", "--all", "--json")[1])["tasks"]
    assert task["state"] == "completed"


# ------------------------------------------------------------------------------- on a terminal


def test_run_asks_the_person_at_the_terminal(terminal: Terminal) -> None:
    """Yes, no with a reason, and other arguments; what is no answer is asked again. Nothing is kept in a file."""
    make_shop(terminal, calls=3, is_kept=False)
    with on_screen(terminal, "run", "-q", "buy things") as screen:
        screen.wait_for("clerk wants to call buy:\n  item = book\n  count = 2\nBuy 2 of book?\n")
        screen.wait_for("Run it? [y]es, [n]o, [e]dit its arguments:")
        screen.write("what\r")
        screen.wait_for("Answer y, n or e; Ctrl-C leaves it waiting.")
        screen.wait_for("arguments:")
        screen.write("y\r")
        screen.wait_for("item = pen")
        screen.wait_for("arguments:")
        screen.write("n\r")
        screen.wait_for("Why not? (may be left empty)")
        screen.write("too dear\r")
        screen.wait_for("item = lamp")
        screen.wait_for("arguments:")
        screen.write("e\r")
        screen.wait_for('"count": 2}')
        screen.write("\x7f" * 2 + "x}\r")
        screen.wait_for("That is not JSON")
        screen.wait_for("arguments:")
        screen.write("e\r")
        screen.wait_for('"count": 2}')
        screen.write("\x7f" * 2 + "1.5}\r")
        screen.wait_for("`count`: expected integer, got the number 1.5")
        screen.wait_for("arguments:")
        screen.write("e\r")
        screen.wait_for('"count": 2}')
        screen.write("\x7f" * 2 + "1}\r")
        screen.wait_for(
            "I was told: bought 2 book; The call was denied and did not run. The reason: too dear; bought 1 lamp\n"
        )
        assert screen.process.wait(10) == 0
    assert bought(terminal) == ["2 book", "1 lamp"] or bought(terminal) == ["1 lamp", "2 book"]


def test_ctrl_c_leaves_a_call_waiting(terminal: Terminal, inside: Inside) -> None:
    """What was decided before counts; the command says how to decide later."""
    make_shop(terminal, calls=2)
    with on_screen(terminal, "run", "-q", "buy things") as screen:
        screen.wait_for("arguments:")
        screen.write("y\r")
        screen.wait_for("item = pen")
        screen.wait_for("arguments:")
        screen.write(CTRL_C)
        screen.wait_for("Decide with: hector approvals approve")
        assert screen.process.wait(10) == 3

    assert [item["call"] for item in waiting(inside)] == ["call-2"]
    assert bought(terminal) == []


def test_chat_asks_and_goes_on_and_asks_again_later(terminal: Terminal) -> None:
    """With sessions in memory, too."""
    make_shop(terminal, is_kept=False)
    with on_screen(terminal, "chat") as screen:
        screen.wait_for(">")
        screen.write("buy books\r")
        screen.wait_for("arguments:")
        screen.write(CTRL_C)
        screen.wait_for("Or, while this chat runs: /decide\n")
        screen.wait_for(">")
        screen.write("/decide\r")
        screen.wait_for("clerk wants to call buy:")
        screen.wait_for("arguments:")
        screen.write("y\r")
        screen.wait_for("I was told: bought 2 book\n")
        screen.wait_for(">")
        screen.write("/decide\r")
        screen.wait_for("Nothing waits for a decision here.\n")
    assert bought(terminal) == ["2 book"]


def test_chat_without_a_terminal_asks_nobody(terminal: Terminal) -> None:
    """The next line of its input is no answer."""
    done = make_shop(terminal, is_kept=False).run("chat", stdin="buy books\n/decide\ny\n/quit\n")

    assert (done.returncode, done.stdout) == (0, "")
    assert [
        line for line in done.stderr.splitlines() if line.startswith(("clerk w", "This", "Nob"))
    ] == [
        "clerk waits to call buy: Buy 2 of book?",
        NOT_LATER,
        "Nobody can be asked here: this is no terminal.",
        "clerk waits to call buy: Buy 2 of book?",
        NOT_LATER,
    ]
    assert bought(terminal) == []
