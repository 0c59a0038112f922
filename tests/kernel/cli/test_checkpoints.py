"""`hector checkpoints`: what is under way, what was interrupted, and what becomes of it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cli_terminal import Terminal
from waiting_stage import bought, make_shop

if TYPE_CHECKING:
    import subprocess

    from conftest import Inside


@contextmanager
def holding(terminal: Terminal) -> Generator[subprocess.Popen[str]]:
    """A process in the middle of a tool call."""
    (terminal.folder / "hold").touch()
    with terminal.start("run", "-q", "buy books") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        (terminal.folder / "hold").unlink()
        try:
            yield process
        finally:
            process.kill()


def only_task(inside: Inside, *args: str) -> dict[str, object]:
    code, said, _ = inside("checkpoints", "ls", "--json", *args)
    assert code == 0
    (task,) = json.loads(said)["tasks"]
    found: dict[str, object] = task
    return found


def test_a_task_that_was_killed_is_seen_and_gone_on_with(
    terminal: Terminal, inside: Inside
) -> None:
    """Of an idempotent tool the call is made again; its answer is printed as `hector run` prints it."""
    make_shop(terminal, asks=False, effect="idempotent", has_checkpoints=True)
    with holding(terminal) as process:
        task = only_task(inside)
        assert (task["state"], task["owner"]) == ("running", "alive")
        for command in ("resume", "drop"):
            code, said, talk = inside("checkpoints", command, "-")
            assert (code, said) == (1, "")
            assert talk == (
                f"error: [H430] task `{task['task']}` is being worked on\n"
                "  hint: cancel it where it runs, or take it away from there with --force\n"
            )
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    assert only_task(inside)["owner"] == "dead"
    shown = inside("checkpoints", "show", "-")[1]
    assert "state       running, by a process that has died\n" in shown
    assert re.search(
        r"^in flight\n  buy, call call-1, for \d+ s, key [0-9a-f]{32}\.\d+:call-1$",
        shown,
        re.MULTILINE,
    )
    assert bought(terminal) == []

    done = terminal.run("checkpoints", "resume", "-")
    assert (done.returncode, done.stdout) == (0, "I was told: bought 2 book\n")
    assert bought(terminal) == ["2 book"]
    assert inside("checkpoints", "ls") == (0, "", "No tasks.\n")
    assert only_task(inside, "--all")["state"] == "completed"


def test_an_unsafe_call_that_was_cut_off_waits_for_a_person(
    terminal: Terminal, inside: Inside
) -> None:
    """Resuming asks; it does not run it again by itself."""
    make_shop(terminal, asks=False, has_checkpoints=True)
    with holding(terminal) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    done = terminal.run("checkpoints", "resume", "-", "-q")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "clerk waits to call buy: buy was cut off while it ran: it may have had its effect or not. "
        "Approve to run it again, deny to leave it as it is.\n"
    )
    assert "because  it was cut off while it ran\n" in inside("approvals", "ls")[1]
    assert bought(terminal) == []


def test_without_checkpoints_nobody_knows_who_works_on_a_task(
    terminal: Terminal, inside: Inside
) -> None:
    """It has to be taken over by force."""
    make_shop(terminal).run("run", "buy books")
    inside("approvals", "approve", "-")
    (terminal.folder / "hold").touch()
    with terminal.start("checkpoints", "resume", "-", "-q") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        (terminal.folder / "hold").unlink()
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    task = only_task(inside)
    assert (task["state"], task["owner"]) == ("running", "unknown")
    assert inside("checkpoints", "drop", "-") == (
        1,
        "",
        (
            f"error: [H430] task `{task['task']}` may be being worked on: without `server.checkpoint` no process says "
            "that it lives\n  hint: if none does, take it over with --force\n"
        ),
    )
    dropped = inside("checkpoints", "drop", "-", "--force", "--reason", "was left by a crash")
    assert dropped == (0, "", f"Dropped task {task['task']}.\n")


def test_a_dropped_task_is_canceled_with_its_reason(terminal: Terminal, inside: Inside) -> None:
    """What waited for it waits no more, and it cannot be gone on with."""
    make_shop(terminal).run("run", "buy books")
    id = str(only_task(inside)["task"])
    code, said, talk = inside(
        "checkpoints", "drop", id[:6], "--reason", "has no customer", "--json"
    )

    assert (code, talk) == (0, "")
    told = json.loads(said)
    assert (told["task"], told["state"]) == (id, "canceled")
    assert told["reason"] == "[H506] agent `clerk` has no customer"
    assert inside("approvals", "ls")[2] == "Nothing waits for a decision.\n"
    assert (
        inside("checkpoints", "show", id)[1]
        .splitlines()[-1]
        .endswith("clerk  finished  canceled: [H506] agent `clerk` has no customer")
    )
    for command in ("resume", "drop"):
        ended = inside("checkpoints", command, id)
        assert ended == (1, "", f"error: [H430] task `{id}` has ended: canceled\n")


def test_what_is_shown_is_what_is_recorded(terminal: Terminal, inside: Inside) -> None:
    make_shop(terminal, calls=2, has_checkpoints=True).run("run", "-s", "s", "buy things")
    inside("approvals", "deny", "-", "call-2", "--reason", "too dear")

    id = str(only_task(inside)["task"])
    lines = inside("checkpoints", "show", id[:8])[1].splitlines()
    assert lines[0] == f"task        {id}"
    assert lines[1:4] == ["agent       clerk", "session     s of local", "state       ready"]
    recorded = [line.split("  ", 2)[2] for line in lines if re.match(r"  \d+  \d{4}-", line)]
    assert [re.sub(r"^\S+  ", "", line) for line in recorded] == [
        "user  started  buy things",
        'clerk  message  buy({"item": "book", "count": 2}) · buy({"item": "pen", "count": 2})',
        'clerk  approval  buy({"item": "book", "count": 2})',
        'clerk  approval  buy({"item": "pen", "count": 2})',
        "clerk  finished  input_required",
        recorded[5].partition("  ")[2],
    ]
    assert re.search(r"user  decision  deny call-2 by local:\S+: too dear$", recorded[5])
    told = json.loads(inside("checkpoints", "show", id, "--json")[1])
    assert [item["call"] for item in told["waiting"]] == ["call-1"]
    assert len(told["events"]) == 6


@pytest.mark.parametrize("command", ["show", "resume", "drop"])
def test_a_task_that_does_not_exist(terminal: Terminal, inside: Inside, command: str) -> None:
    make_shop(terminal)
    assert inside("checkpoints", command, "nothing") == (
        1,
        "",
        (
            "error: [H431] task `nothing` does not exist\n"
            "  hint: `hector checkpoints ls` lists those that have not ended\n"
        ),
    )


def test_a_beginning_that_fits_several_is_refused_and_pages_are_read_on(
    terminal: Terminal, inside: Inside
) -> None:
    make_shop(terminal)
    for _ in range(2):
        terminal.run("run", "buy books")
    rows = json.loads(inside("checkpoints", "ls", "--json", "-n", "1")[1])
    first, cursor = rows["tasks"][0]["task"], rows["next_cursor"]
    rest = json.loads(inside("checkpoints", "ls", "--json", "--cursor", cursor)[1])
    (second,) = (task["task"] for task in rest["tasks"])
    code, said, talk = inside("checkpoints", "show", "-")

    assert (code, said, rest["next_cursor"]) == (1, "", None)
    assert talk == (
        f"error: [H001] there are 2 tasks: {first}, {second}\n  hint: say which task is meant\n"
    )
    assert inside("checkpoints", "ls", "--user", "ada")[2] == "No tasks.\n"
