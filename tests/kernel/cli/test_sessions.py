"""`hector sessions`: what is in the session database, and how it gets out, in, and away."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from cli_terminal import HECTOR, Terminal

from hector.message import Actions, Event, Failure, TextPart, ToolCall, ToolResult
from hector.runtime.sessions import open_stored_sessions
from hector.spi import ArtifactDraft, SessionKey, Sessions

CONFIG = """\
name: {name}
databases:
  main:
    driver: sqlite
    database: sessions.db
server:
  sessions:
    backend: sql
    database: main
agents:
  only:
    llm: default
llms:
  default:
    provider: offline
"""


@pytest.fixture
def stored(terminal: Terminal) -> Terminal:
    """A config that keeps sessions: `one` of ada and of bob, `two` of ada."""
    terminal.write("hector.yaml", CONFIG.format(name="shop"))
    work(terminal, fill)
    return terminal


def work(terminal: Terminal, do: Callable[[Sessions], Coroutine[Any, Any, Any]]) -> Any:
    """Do something with the database, in this process."""

    async def opened() -> Any:
        async with open_stored_sessions(terminal.folder / "hector.yaml") as (_, sessions):
            return await do(sessions)

    return asyncio.run(opened())


def event(number: int, **fields: Any) -> Event:
    given: dict[str, Any] = {"kind": "message", "author": "only", **fields}
    return Event(id=f"e{number}", invocation_id="i", timestamp=1000.0 + number, **given)


async def fill(sessions: Sessions) -> None:
    for user, id in (("ada", "one"), ("bob", "one"), ("ada", "two")):
        await sessions.create(SessionKey("shop", user, id), state={"user:name": user})
    call = ToolCall(id="c", name="look", arguments={"x": 1})
    told = ToolResult(call_id="c", name="look", content=(TextPart("no"),), is_error=True)
    await sessions.append(
        SessionKey("shop", "ada", "two"),
        [
            event(1, kind="started", author="user", parts=(TextPart("Hi\nthere \x1b[31m"),)),
            event(2, parts=(TextPart("Let me look."), call)),
            event(
                3,
                kind="tool_result",
                parts=(told,),
                actions=Actions(state_delta={"k": [1], "l": None}, artifact_delta={"f.txt": 1}),
            ),
            event(4, kind="finished", outcome="failed", failure=Failure(code="H500", message="oh")),
        ],
        head=0,
        artifacts=[
            ArtifactDraft(name="f.txt", version=1, media_type="text/plain", data=b"x" * 300_000)
        ],
    )


def ids(terminal: Terminal, *args: str) -> list[tuple[str, str, str]]:
    done = terminal.run("sessions", "ls", "--json", *args)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["sessions"]
    return sorted((row["app"], row["user"], row["id"]) for row in rows)


ALL = [("shop", "ada", "one"), ("shop", "ada", "two"), ("shop", "bob", "one")]


def test_ls_lists_sessions_last_used_first_in_pages(stored: Terminal) -> None:
    done = stored.run("sessions", "ls")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].split() == ["ID", "USER", "EVENTS", "USED"]
    assert lines[1].split()[:3] == ["two", "ada", "4"]
    assert len(lines) == 4

    first = stored.run("sessions", "ls", "-n", "2")
    cursor = first.stderr.removeprefix("There are more: --cursor ").strip()
    second = stored.run("sessions", "ls", "-n", "2", "--cursor", cursor)
    assert first.stdout.splitlines()[1:] + second.stdout.splitlines()[1:] == lines[1:]
    assert second.stderr == ""

    assert ids(stored, "--user", "ada") == ALL[:2]
    assert ids(stored, "--app", "other") == []
    assert stored.run("sessions", "ls", "--app", "other").stderr == "No sessions.\n"


def test_show_prints_state_artifacts_and_the_last_events(stored: Terminal) -> None:
    """A line for each; nothing that a stranger wrote gets to the terminal as it is."""
    done = stored.run("sessions", "show", "two", "-n", "3")
    lines = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert lines[:3] == ["session  two", "app      shop", "user     ada"]
    assert lines[5:] == [
        "state",
        "  k = [1]",
        '  user:name = "ada"',
        "artifacts",
        "  f.txt  version 1, text/plain, 300,000 bytes",
        "events   4, the first 1 not shown",
        '  2  1970-01-01T00:16:42Z  only  message  Let me look. · look({"x": 1})',
        "  3  1970-01-01T00:16:43Z  only  tool_result  failed: no · k = [1] · l deleted · saved f.txt version 1",
        "  4  1970-01-01T00:16:44Z  only  finished  failed: [H500] oh",
    ]
    whole = stored.run("sessions", "show", "two").stdout
    assert r"user  started  Hi there \x1b[31m" in whole
    shown = json.loads(stored.run("sessions", "show", "two", "--json", "-n", "1").stdout)
    assert [it["id"] for it in shown["events"]] == ["e4"]
    assert (shown["head"], shown["state"]) == (4, {"k": [1], "user:name": "ada"})
    assert shown["artifacts"][0]["size_bytes"] == 300_000


def test_an_id_that_several_users_have_needs_the_user(stored: Terminal) -> None:
    for command in ("show", "export", "rm"):
        options = ["--yes"] if command == "rm" else []
        done = stored.run("sessions", command, "one", *options)
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            "",
            "error: [H001] several users have a session `one`: ada, bob\n  hint: say whose with --user\n",
        )
    assert stored.run("sessions", "show", "one", "--user", "bob").returncode == 0


def test_an_id_that_nobody_has_is_said_so(stored: Terminal) -> None:
    for args in (["show", "x"], ["export", "two", "x"], ["rm", "--yes", "two", "x"]):
        done = stored.run("sessions", *args)
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            "",
            (
                "error: [H402] app `shop` has no session `x`\n"
                "  hint: `hector sessions ls` lists what there is\n"
            ),
        )
    assert ids(stored) == ALL


def test_an_export_round_trips_to_the_byte(stored: Terminal) -> None:
    """Into an empty database, by a file and by a pipe; imported twice, it is refused or left out."""
    done = stored.run("sessions", "export", "--all", "-o", "all.jsonl")
    text = (stored.folder / "all.jsonl").read_bytes()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Exported 3 sessions.\n")
    assert (stored.folder / "all.jsonl").stat().st_mode & 0o777 == 0o600
    assert [*stored.folder.glob("*.part")] == []

    (stored.folder / "sessions.db").rename(stored.folder / "old.db")
    for name in ("sessions.db-wal", "sessions.db-shm"):
        (stored.folder / name).unlink(missing_ok=True)
    assert stored.run("sessions", "import", "all.jsonl").stderr == "Imported 3 sessions.\n"
    again = stored.run("sessions", "export", "--all")
    assert (again.stdout.encode(), again.stderr) == (text, "Exported 3 sessions.\n")

    refused = stored.run("sessions", "import", "-", stdin=again.stdout)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: [H403] session `")
    assert refused.stderr.endswith("hint: leave out what is there with --skip-existing\n")
    assert stored.run("sessions", "rm", "two", "--yes").returncode == 0
    partly = stored.run("sessions", "import", "--skip-existing", "all.jsonl")
    assert (partly.returncode, partly.stderr) == (
        0,
        "Imported 1 session, left out 2 that were there already.\n",
    )
    assert sorted(stored.run("sessions", "export", "--all").stdout.encode().splitlines()) == sorted(
        text.splitlines()
    )


def test_an_import_gives_sessions_to_the_app_of_the_config(stored: Terminal) -> None:
    text = stored.run("sessions", "export", "two").stdout
    stored.write("hector.yaml", CONFIG.format(name="store"))
    done = stored.run("sessions", "import", "-", stdin=text)

    assert done.stderr == "note: the file has sessions of app shop\nImported 1 session.\n"
    assert ids(stored) == [("store", "ada", "two")]
    assert ids(stored, "--app", "shop") == ALL


def test_a_cut_off_file_says_how_far_it_got(stored: Terminal) -> None:
    lines = stored.run("sessions", "export", "--all").stdout.splitlines(keepends=True)
    done = stored.run("sessions", "import", "--app", "new", "-", stdin="".join(lines[:-1]))

    assert done.returncode == 1
    assert f"line {len(lines) - 1} is the last, and session `one` has no end" in done.stderr
    assert "also: 2 of the file's sessions were imported before that\n" in done.stderr
    assert len(ids(stored, "--app", "new")) == 2


def test_rm_asks_first_and_removes_what_was_meant(stored: Terminal) -> None:
    for args in (["two"], ["--all"]):
        done = stored.run("sessions", "rm", *args)
        assert done.returncode == 2
        assert done.stderr.endswith("Error: Nobody can be asked here: confirm with --yes.\n")
    for args in (["--yes"], ["--yes", "--all", "two"]):
        done = stored.run("sessions", "rm", *args)
        assert done.returncode == 2
        assert done.stderr.endswith("Error: Name the sessions, or all of them with --all.\n")
    assert ids(stored) == ALL

    assert stored.run("sessions", "rm", "-y", "two").stderr == "Removed 1 session.\n"
    assert ids(stored) == [ALL[0], ALL[2]]
    assert stored.run("sessions", "rm", "-y", "--all", "--user", "bob").returncode == 0
    assert ids(stored) == [ALL[0]]
    assert stored.run("sessions", "rm", "-y", "--all").stderr == "Removed 1 session.\n"
    assert stored.run("sessions", "rm", "-y", "--all").stderr == "Removed 0 sessions.\n"


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 2), ("n", 130, 3)])
def test_rm_does_what_is_answered(stored: Terminal, answer: str, code: int, left: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [*HECTOR, "sessions", "rm", "two"],
            cwd=stored.folder,
            env=stored.environment,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.stderr.startswith("Remove session two of ada for good? [y/N]: ")
    assert (done.returncode, len(ids(stored))) == (code, left)


def test_sessions_in_memory_cannot_be_looked_at(terminal: Terminal) -> None:
    for args in (["ls"], ["show", "x"], ["export", "--all"], ["rm", "-y", "x"], ["mv-app", "a"]):
        done = terminal.run("sessions", *args)
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            "",
            (
                "error: [H001] test keeps its sessions in memory: they end with their process, and there is "
                "nothing to look at from outside\n"
                "  hint: set `server.sessions.backend: sql` and name a database\n"
            ),
        )


def test_the_database_of_a_running_process_can_be_looked_at_and_written(stored: Terminal) -> None:
    async def look(sessions: Sessions) -> None:
        key = SessionKey("shop", "ada", "three")
        await sessions.create(key)
        done = await asyncio.to_thread(stored.run, "sessions", "ls", "--user", "ada")
        assert "three" in done.stdout
        assert (await asyncio.to_thread(stored.run, "sessions", "rm", "-y", "two")).returncode == 0
        assert await sessions.load(SessionKey("shop", "ada", "two")) is None
        await sessions.append(key, [event(1)], head=0)

    work(stored, look)


# ------------------------------------------------------------------------------------ renaming


WARNING = (
    "warning: the session database has no session of store, but of shop: sessions belong to the `name` of "
    "the config. If it was renamed, `hector sessions mv-app <old name> store` takes them along\n"
)


def test_a_renamed_app_is_reported_and_can_take_its_sessions_along(stored: Terminal) -> None:
    """By every command that answers, until there is a session under the new name."""
    before = stored.run("sessions", "export", "--all").stdout
    assert stored.run("run", "-q", "hello").stderr == ""
    stored.run("sessions", "rm", "-y", "--all", "--user", "local")
    stored.write("hector.yaml", CONFIG.format(name="store"))
    assert WARNING in stored.run("run", "-q", "--session", "x", "hello").stderr
    assert stored.run("run", "-q", "--session", "x", "hello").stderr == ""

    done = stored.run("sessions", "mv-app", "shop")
    assert (done.returncode, done.stderr) == (0, "Moved 3 sessions.\n")
    assert ids(stored, "--app", "shop") == []
    assert [row[1:] for row in ids(stored)] == [*(row[1:] for row in ALL), ("local", "x")]
    stored.run("sessions", "rm", "-y", "x")
    after = stored.run("sessions", "export", "--all").stdout
    assert after == before.replace('"app":"shop"', '"app":"store"')
    assert stored.run("sessions", "mv-app", "shop").stderr == "Moved 0 sessions.\n"


def test_a_session_whose_id_is_taken_stays(stored: Terminal) -> None:
    async def take(sessions: Sessions) -> None:
        await sessions.create(SessionKey("store", "ada", "two"))

    work(stored, take)
    done = stored.run("sessions", "mv-app", "shop", "store")

    assert (done.returncode, done.stderr) == (
        1,
        (
            "Moved 2 sessions.\nerror: session two of ada stays: app store has another one of that id; "
            "export and remove one of the two, then move again\n"
        ),
    )
    assert ids(stored) == [("shop", "ada", "two")]
    same = stored.run("sessions", "mv-app", "shop")
    assert same.returncode == 2


def test_export_to_a_folder_that_is_not_there_is_said_so(stored: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "none" / "all.jsonl"
    done = stored.run("sessions", "export", "--all", "-o", str(target))

    assert (done.returncode, done.stderr) == (
        1,
        f"error: {target}.part: No such file or directory\n",
    )
