"""`hector run`: one question, one answer; stdout is data, stderr is talk."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest
from cli_terminal import Terminal

from hector import Runtime
from hector.cli.answer import AnswerPrinter, JsonPrinter
from hector.message import (
    Event,
    EventKind,
    Failure,
    Outcome,
    Part,
    TextPart,
    ToolCall,
    ToolResult,
)
from hector.spi import SessionKey

GREETING = "Hello! This agent has no documents to search, so I can do little by myself.\n"
USAGE = "Usage: hector run [OPTIONS] QUESTION\nTry 'hector run --help' for help.\n\nError: "


def test_the_answer_and_nothing_else_is_on_stdout(terminal: Terminal) -> None:
    done = terminal.run("run", "hello")

    assert (done.returncode, done.stdout, done.stderr) == (0, GREETING, "")


def test_json_prints_each_event_on_a_line(terminal: Terminal) -> None:
    """From `started` to `finished`, and by the first public agent."""
    done = terminal.run("run", "--json", "hello")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert (done.returncode, done.stderr) == (0, "")
    assert events[0]["kind"] == "started"
    assert {event["kind"] for event in events[1:-2]} == {"delta"}
    assert (events[-1]["kind"], events[-1]["outcome"]) == ("finished", "completed")
    assert events[-1]["author"] == "second"


def test_an_agent_is_chosen_by_name_and_the_question_read_from_stdin(terminal: Terminal) -> None:
    done = terminal.run("run", "-a", "first", "--json", "-", stdin="hello\n")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert events[0]["parts"] == [{"text": "hello\n", "type": "text"}]
    assert events[-1]["author"] == "first"


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            ["-a", "third", "hello"],
            "Invalid value for '--agent': the config has no agent 'third'. There are: first, second.",
        ),
        ([" "], "The question is empty."),
        ([], "Missing argument 'QUESTION'."),
        (["hello", "--modle", "x"], "No such option '--modle'."),
    ],
)
def test_wrong_use_is_exit_code_2(terminal: Terminal, args: list[str], problem: str) -> None:
    done = terminal.run("run", *args)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{USAGE}{problem}\n"


def test_an_interrupt_is_exit_code_130_and_the_session_says_canceled(slow: Terminal) -> None:
    """Nothing but the beginning of the answer and what a user should know is on the terminal."""
    with slow.start("run", "--session", "s", "hello") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10) == "One moment"
        process.send_signal(signal.SIGINT)
        rest, talk = process.stdout.read(), process.stderr.read()

    assert (process.returncode, rest) == (130, "")
    assert talk == "warning: the model is slow today\n"
    assert outcomes(slow) == ["canceled"]


def test_a_reader_that_leaves_ends_the_work(slow: Terminal) -> None:
    """Such as `| head`: no complaint, and the session says that the answer was canceled."""
    source = (slow.folder / "site/hector_plugin_slow.py").read_text()
    endless = source.replace(
        "        await asyncio.sleep(3600)\n",
        "        while True:\n            await asyncio.sleep(0)\n            yield TextDelta(text='!')\n",
    )
    slow.install("slow", endless)
    with slow.start("run", "--session", "s", "hello") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10) == "One moment"
        process.stdout.close()
        talk = process.stderr.read()

    assert (process.returncode, talk) == (0, "warning: the model is slow today\n")
    assert outcomes(slow) == ["canceled"]


def outcomes(terminal: Terminal) -> list[Outcome | None]:
    """How the invocations of session `s` ended."""

    async def read() -> list[Outcome | None]:
        config: dict[str, Any] = {
            "name": "test",
            "llms": {"default": {"provider": "offline"}},
            "agents": {"only": {}},
            "databases": {
                "main": {"driver": "sqlite", "database": str(terminal.folder / "sessions.db")}
            },
            "server": {"sessions": {"backend": "sql", "database": "main"}},
        }
        async with Runtime.open(config) as runtime:
            session = await runtime.sessions.load(SessionKey("test", "local", "s"))
            assert session is not None
            return [event.outcome for event in session.events if event.kind == "finished"]

    return asyncio.run(read())


def test_what_a_provider_did_wrong_is_told_without_a_traceback(slow: Terminal) -> None:
    """The log's record of the unexpected is a line; libraries' logs and warnings stay away."""
    config = (slow.folder / "hector.yaml").read_text()
    slow.write("hector.yaml", config.replace("provider: slow", "provider: slow\n    fails: true"))
    done = slow.run("run", "hello")

    warning, log, *told = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert warning == "warning: the model is slow today"
    assert log.startswith("log: invocation ")
    assert log.endswith(' failed unexpectedly: KeyError: "the plugin\'s own mistake"')
    assert told == ["error: [H500] unexpected KeyError", "  hint: the server's log has the details"]


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback_wherever_it_stands(terminal: Terminal, place: str) -> None:
    terminal.write("hector.yaml", "agents: {only: {llm: none}}\n")
    args = ["--debug", "run", "hello"] if place == "before" else ["run", "hello", "--debug"]
    done = terminal.run(*args)

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith(
        "1 problem: the config cannot be used. `hector validate` checks it again.\n"
    )


def finished(outcome: Outcome, failure: Failure | None = None) -> Event:
    return Event(
        id="e", kind="finished", invocation_id="i", author="a", outcome=outcome, failure=failure
    )


@pytest.mark.parametrize(
    ("outcome", "code"), [("completed", 0), ("failed", 1), ("input_required", 3), ("canceled", 130)]
)
def test_the_outcome_is_the_exit_code(outcome: Outcome, code: int) -> None:
    for printer in (AnswerPrinter(), JsonPrinter()):
        printer.show(finished(outcome))

        assert printer.exit_code == code


def said_by(id: str, kind: EventKind, part: Part, branch: str = "") -> Event:
    return Event(id=id, kind=kind, invocation_id="i", author="a", parts=(part,), branch=branch)


def test_tools_are_talk_and_an_answer_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What an agent that was called as a tool says is not printed: its caller says what it made of it."""
    printer = AnswerPrinter()
    call = ToolCall(id="c", name="grep", arguments={"pattern": "é"})
    result = ToolResult(
        call_id="c", name="grep", content=(TextPart("no\nsuch file"),), is_error=True
    )
    for event in (
        said_by("a", "delta", TextPart("Let me ")),
        said_by("a", "delta", TextPart("see")),
        said_by("a", "message", TextPart("Let me see")),
        said_by("b", "tool_intent", call),
        said_by("c", "tool_result", result),
        said_by("d", "message", TextPart("within"), branch="call:1"),
        said_by("e", "message", TextPart("Nothing.")),
    ):
        printer.show(event)
    printer.show(finished("failed", Failure(code="H510", message="it broke", hint="mend it")))

    said = capsys.readouterr()
    assert said.out == "Let me see\nNothing.\n"
    assert said.err == (
        '· a calls grep {"pattern": "é"}\n'
        "· grep failed: no such file\n"
        "error: [H510] it broke\n"
        "  hint: mend it\n"
    )
