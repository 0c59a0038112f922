"""`persist=true`: the file is written last, in one step, and never anything that does not run."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from admin_stage import CONFIG, AdminServer, administered, hooked_provider, options
from server_stage import calling

from hector import Runtime

MORE = f"{CONFIG}  second:\n    llm: main\n"
ACTING = CONFIG.replace("provider: hooked", "provider: hooked\n    act: {}")
KEEP = "config/apply?persist=true"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        server.file.chmod(0o640)
        answer = await server.post(KEEP, MORE)
        again = (await server.post("config/apply")).json()

    assert answer.status_code == 200
    assert answer.json()["persisted"] is True
    assert server.file.read_bytes() == MORE.encode()
    assert server.file.stat().st_mode & 0o7777 == 0o640
    assert names(tmp_path) == ["hector.yaml"]
    assert (again["is_changed"], again["etag"]) == (False, answer.json()["etag"])


async def test_the_owner_is_kept(tmp_path: Path) -> None:
    owner = (12345, 54321) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    async with administered(tmp_path) as server:
        os.chown(server.file, *owner)
        answer = await server.post(KEEP, MORE)

    found = server.file.stat()
    assert answer.status_code == 200
    assert (found.st_uid, found.st_gid) == owner


async def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "hector.yaml").write_text(CONFIG)
    (tmp_path / "hector.yaml").symlink_to("real/hector.yaml")
    async with administered(tmp_path) as server:
        answer = await server.post(KEEP, MORE)

    assert answer.status_code == 200
    assert (tmp_path / "hector.yaml").is_symlink()
    assert (real / "hector.yaml").read_text() == MORE
    assert names(real) == ["hector.yaml"]


async def test_line_ends_and_letters_reach_the_file_as_they_were_sent(tmp_path: Path) -> None:
    text = MORE.replace("\n", "\r\n") + "# Grüße ✓"
    async with administered(tmp_path) as server:
        answer = await server.post(KEEP, f"\ufeff{text}")
        same = (await server.post("config/apply")).json()

    assert server.file.read_bytes() == text.encode()
    assert (answer.status_code, same["etag"]) == (200, answer.json()["etag"])


async def test_comments_alone_are_written_too_again_and_again(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answers = [await server.post(KEEP, f"# {count}\n{CONFIG}") for count in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json()["is_changed"] for answer in answers] == [False] * 3
    assert server.file.read_text() == f"# 2\n{CONFIG}"


async def test_while_the_new_config_is_built_the_file_is_the_old_one(tmp_path: Path) -> None:
    seen: list[str] = []
    file = tmp_path / "hector.yaml"
    acts = {"look": lambda: seen.append(file.read_text())}
    async with administered(tmp_path, acts=acts) as server:
        await server.post(KEEP, ACTING.format("look"))

    assert seen == [CONFIG]
    assert file.read_text() == ACTING.format("look")


@pytest.mark.parametrize("text", [f"{CONFIG}    instructio: x\n", ACTING.format("fail")])
async def test_a_config_that_does_not_come_up_is_not_written(tmp_path: Path, text: str) -> None:
    def fail() -> NoReturn:
        raise ConnectionError("no route")

    async with administered(tmp_path, acts={"fail": fail}) as server:
        answer = await server.post(KEEP, text)

    assert answer.status_code in (422, 500)
    assert server.file.read_text() == CONFIG
    assert names(tmp_path) == ["hector.yaml"]


async def test_edits_that_do_not_run_are_not_overwritten(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answers: list[httpx.Response] = []
        for edited in (MORE, "agents: [\n"):
            server.file.write_text(edited)
            answers.append(await server.post(KEEP, MORE))
            assert server.file.read_text() == edited
        server.file.write_text(f"# a comment\n{CONFIG}")
        commented = await server.post(KEEP, MORE)
        generation = server.runtime.generation

    for answer in answers:
        assert answer.status_code == 409
        assert answer.json()["error"] == {
            "status": 409,
            "code": None,
            "message": "hector.yaml holds something else than what runs",
            "hint": "apply without a body to run the file, or roll back to what it holds, then try again",
        }
    assert (commented.status_code, generation) == (200, 2)
    assert server.file.read_text() == MORE


async def test_an_edit_while_the_new_config_is_built_wins(tmp_path: Path) -> None:
    """It is left alone, and what ran before runs again."""
    file = tmp_path / "hector.yaml"
    edited = f"# edited meanwhile\n{CONFIG}"
    async with administered(tmp_path, acts={"edit": lambda: file.write_text(edited)}) as server:
        etag = server.runtime.etag
        answer = await server.post(KEEP, ACTING.format("edit"))
        after = (server.runtime.generation, server.runtime.etag)

    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == (
        "hector.yaml was changed by somebody else meanwhile and left alone; "
        "the earlier config runs again, as generation 3"
    )
    assert after == (3, etag)
    assert file.read_text() == edited
    assert names(tmp_path) == ["hector.yaml"]


@pytest.mark.parametrize("kept", [10, 0])
async def test_a_file_that_cannot_be_replaced_takes_the_reload_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """As far as earlier configs are kept; the answer says what runs."""

    def refuse(self: Path, target: Path) -> NoReturn:
        raise OSError(errno.EBUSY, "Device or resource busy")

    text = f"{CONFIG}server: {{reload: {{history: {kept}}}}}\n"
    async with administered(tmp_path, text) as server:
        monkeypatch.setattr(Path, "replace", refuse)
        answer = await server.post(KEEP, f"{MORE}server: {{reload: {{history: {kept}}}}}\n")
        agents = list(server.runtime.agents)

    told = answer.json()["error"]
    start = "hector.yaml could not be replaced: Device or resource busy; "
    assert answer.status_code == 500
    assert told["hint"] == "a file that is mounted alone cannot be replaced: mount its folder"
    if kept:
        assert told["message"] == f"{start}the earlier config runs again, as generation 3"
    else:
        assert told["message"].startswith(f"{start}the new config runs all the same, as it could ")
    assert agents == (["helper"] if kept else ["helper", "second"])
    assert server.file.read_text() == text
    assert names(tmp_path) == ["hector.yaml"]


async def test_a_folder_that_cannot_be_written_is_known_before_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with administered(tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            answer = await server.post(KEEP, MORE)
        generation = server.runtime.generation

    assert (answer.status_code, generation) == (409, 1)
    assert answer.json()["error"]["message"] == (
        "hector.yaml cannot be replaced: No space left on device"
    )
    assert names(tmp_path) == ["hector.yaml"]


@pytest.mark.parametrize(
    ("start", "type", "message"),
    [
        (
            f"extends: base.yaml\n{CONFIG}",
            "application/yaml",
            "the running config is not one file alone: it extends base.yaml",
        ),
        (CONFIG, "application/toml", "hector.yaml is not written in TOML"),
    ],
)
async def test_what_is_not_one_file_of_that_format_is_not_written(
    tmp_path: Path, start: str, type: str, message: str
) -> None:
    (tmp_path / "base.yaml").write_text("version: '1'\n")
    async with administered(tmp_path, start) as server:
        text = MORE if type == "application/yaml" else "[agents.a]\n"
        answer = await server.post(KEEP, text, type=type)
        generation = server.runtime.generation

    assert (answer.status_code, answer.json()["error"]["message"]) == (409, message)
    assert (generation, server.file.read_text()) == (1, start)


async def test_to_keep_the_file_itself_makes_no_sense(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        nothing = await server.post(KEEP)
        neither = await server.post("config/apply?persist=yes", MORE)

    assert nothing.json()["error"]["message"] == "persist=true needs a config in the body"
    assert neither.json()["error"]["message"] == "`persist` is true or false"
    assert (nothing.status_code, neither.status_code) == (400, 400)


async def test_one_config_is_kept_at_a_time(tmp_path: Path) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go.wait()

    async with administered(tmp_path, acts={"wait": wait}) as server, asyncio.TaskGroup() as group:
        first = group.create_task(server.post(KEEP, ACTING.format("wait")))
        await reached.wait()
        second = await server.post(KEEP, MORE)
        go.set()
        answers = (await first, second)

    assert [answer.status_code for answer in answers] == [200, 409]
    assert server.file.read_text() == ACTING.format("wait")


async def test_an_etag_that_does_not_match_writes_nothing(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answer = await server.post(KEEP, MORE, if_match='"0"')

    assert answer.status_code == 412
    assert server.file.read_text() == CONFIG
    assert names(tmp_path) == ["hector.yaml"]


async def test_who_is_cancelled_while_the_text_is_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a shutdown; the thread that writes cannot be stopped."""
    reached, go = threading.Event(), threading.Event()
    sync = os.fsync

    def wait(number: int) -> None:
        reached.set()
        go.wait(10)
        sync(number)

    file = tmp_path / "hector.yaml"
    file.write_text(CONFIG)
    async with (
        Runtime.open(file, env={}, providers=(hooked_provider(),)) as runtime,
        calling(runtime, options()) as http,
    ):
        monkeypatch.setattr(os, "fsync", wait)
        server = AdminServer(http, runtime, file)
        async with asyncio.TaskGroup() as group:
            applying = group.create_task(server.post(KEEP, MORE))
            await asyncio.to_thread(reached.wait, 10)
            during = names(tmp_path)
            applying.cancel()
        go.set()
        monkeypatch.undo()
        async with asyncio.timeout(5):
            while len(names(tmp_path)) > 1:  # the thread is on its way
                await asyncio.sleep(0)
        again = await server.post(KEEP, MORE)

    assert len(during) == 2
    assert applying.cancelled()
    assert again.status_code == 200
    assert names(tmp_path) == ["hector.yaml"]


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from admin_stage import administered
from hector_server.admin.config_file import Draft

point, folder = sys.argv[2], Path(sys.argv[3])
new = (folder / "new").read_text()
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with administered(folder, acts={"die": die}) as server:
        if point == "before the rename":
            Path.replace = die
        if point == "after the rename":
            Draft.close = die
        await server.post("config/apply?persist=true", new)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("point", "is_new"),
    [("while it is built", False), ("before the rename", False), ("after the rename", True)],
)
def test_a_crash_leaves_one_whole_file(tmp_path: Path, point: str, is_new: bool) -> None:
    """Killed at each step: the old config, or the new one, which ran by then."""
    new = ACTING.format("die") if point == "while it is built" else MORE
    (tmp_path / "new").write_text(new)
    stage = str(Path(__file__).parent)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, stage, point, tmp_path], check=False, timeout=20
    )

    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "hector.yaml").read_text() == (new if is_new else CONFIG)
