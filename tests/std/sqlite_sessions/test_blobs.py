"""Large artifacts outside the database: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from hector import Runtime
from hector.errors import (
    ArtifactNotFoundError,
    ArtifactTooLargeError,
    SessionError,
    UsageError,
)
from hector.message import Actions, Event
from hector.spi import Secret
from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_blobs import FileBlobs, open_blobs
from hector.testing import SessionsSuite
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("app", "ada", "s1")
DATA = bytes(range(256)) * 12_000


def folder_blobs(folder: Path) -> FileBlobs:
    return open_blobs(BlobSettings(folder=folder / "blobs"))


def a_store(folder: Path, *, clock: Any = time.time) -> SqliteSessions:
    return SqliteSessions(
        folder / "sessions.db", blobs=folder_blobs(folder), min_blob_bytes=100, clock=clock
    )


def blobs_in(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


def naming(version: int) -> Event:
    return Event(
        id=uuid.uuid4().hex,
        kind="message",
        invocation_id="i1",
        author="helper",
        actions=Actions(artifact_delta={"a": version}),
    )


async def save(sessions: Sessions, data: bytes, version: int = 1) -> None:
    draft = ArtifactDraft(name="a", version=version, media_type="x/y", data=data)
    await sessions.append(KEY, [naming(version)], head=version - 1, artifacts=[draft])


async def some(data: bytes, *, then: BaseException | None = None) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]
    if then is not None:
        raise then


class TestInAFolder(SessionsSuite):
    """The store keeps all its laws when any content but the empty one is a blob."""

    is_persistent = True
    histories = 10

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        return SqliteSessions(folder / "x.db", blobs=folder_blobs(folder), min_blob_bytes=1)


@pytest.mark.parametrize("scheme", ["file", "memory"])
class TestInFsspec(SessionsSuite):
    """In a file system of fsspec as well."""

    histories = 5

    @pytest.fixture(autouse=True)
    def take(self, scheme: str) -> None:
        self.scheme = scheme

    def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
        blobs = open_blobs(BlobSettings(url=f"{self.scheme}://{folder}/blobs"))
        return SqliteSessions(folder / "x.db", blobs=blobs, min_blob_bytes=1)


async def test_large_content_is_in_the_folder_and_small_content_in_the_file(tmp_path: Path) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, b"x" * 99)
        assert blobs_in(tmp_path) == []
        await save(sessions, DATA, 2)
        (path,) = blobs_in(tmp_path)
        assert path.read_bytes() == DATA
        assert path.stat().st_mode & 0o777 == 0o600
        assert (await sessions.load_artifact(KEY, "a")).data == DATA
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as other:
        assert other.execute("SELECT count(*) FROM pieces").fetchone() == (0,)


async def test_blobs_go_after_the_session_they_belong_to(tmp_path: Path) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
        async with aclosing(sessions.stream_artifact(KEY, "a")) as pieces:
            await anext(pieces)
            assert await sessions.delete(KEY)
        assert blobs_in(tmp_path) == []
        with pytest.raises(ArtifactNotFoundError):
            await sessions.load_artifact(KEY, "a")
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as other:
        assert other.execute("SELECT count(*) FROM contents").fetchone() == (0,)


async def test_what_was_written_and_never_named_is_swept_after_a_day(tmp_path: Path) -> None:
    """As after a crash between the blob and the commit; what was named stays."""
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
        staged = await sessions.stage(KEY, some(DATA))
        assert len(blobs_in(tmp_path)) == 2
    async with a_store(tmp_path, clock=lambda: time.time() + 86_000):
        pass
    assert len(blobs_in(tmp_path)) == 2
    async with a_store(tmp_path, clock=lambda: time.time() + 87_000) as sessions:
        async with asyncio.timeout(5):
            while len(blobs_in(tmp_path)) != 1:
                await asyncio.sleep(0)
        draft = ArtifactDraft(name="a", version=2, media_type="x/y", data=staged)
        with pytest.raises(SessionError, match="is not there"):
            await sessions.append(KEY, [naming(2)], head=1, artifacts=[draft])
        assert (await sessions.load_artifact(KEY, "a")).data == DATA


async def test_what_died_between_the_deletion_and_its_blobs_is_swept(tmp_path: Path) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:  # it cannot delete blobs
        assert await sessions.delete(KEY)
    assert len(blobs_in(tmp_path)) == 1
    async with a_store(tmp_path):
        async with asyncio.timeout(5):
            while blobs_in(tmp_path):
                await asyncio.sleep(0)


@pytest.mark.parametrize("problem", [RuntimeError("lost"), SessionError("lost")])
async def test_what_breaks_off_leaves_nothing(tmp_path: Path, problem: Exception) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        with pytest.raises(type(problem), match="lost"):
            await sessions.stage(KEY, some(DATA, then=problem))
        assert blobs_in(tmp_path) == []


async def test_the_limit_holds_for_blobs(tmp_path: Path) -> None:
    blobs = folder_blobs(tmp_path)
    async with SqliteSessions(
        tmp_path / "x.db", blobs=blobs, min_blob_bytes=100, max_artifact_bytes=2_000_000
    ) as sessions:
        await sessions.create(KEY)
        with pytest.raises(ArtifactTooLargeError):
            await sessions.stage(KEY, some(DATA))
        assert blobs_in(tmp_path) == []


async def test_content_that_is_missing_or_short_is_said_to_be(tmp_path: Path) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
        (path,) = blobs_in(tmp_path)
        path.write_bytes(DATA[:-1])
        with pytest.raises(SessionError) as caught:
            await sessions.load_artifact(KEY, "a")
        assert caught.value.message == (
            "the content of artifact `a` has 3,071,999 bytes in the store of blobs, "
            "3,072,000 were written"
        )
        path.unlink()
        with pytest.raises(SessionError) as caught:
            await sessions.load_artifact(KEY, "a")
        assert caught.value.message == (
            f"the content of an artifact is missing in the folder {tmp_path / 'blobs'}"
        )
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        with pytest.raises(SessionError, match="is in a store of blobs, and none is configured"):
            await sessions.load_artifact(KEY, "a")


async def test_a_place_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        with pytest.raises(SessionError, match=r"the artifacts in the folder .*blobs failed: "):
            await save(sessions, DATA)
        (tmp_path / "blobs").unlink()
        await save(sessions, DATA)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "`blobs` needs either `folder` or `url`"),
        (
            {"folder": Path("x"), "url": "memory://x"},
            "`blobs` needs either `folder` or `url`",
        ),
        (
            {"folder": Path("x"), "credentials": {"key": Secret("k")}},
            "`blobs.options` and `blobs.credentials` belong to `blobs.url`",
        ),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        BlobSettings(**settings)
    assert caught.value.message == problem


def test_a_place_nobody_knows_is_refused_without_its_password() -> None:
    with pytest.raises(SessionError) as caught:
        open_blobs(BlobSettings(url="nowhere://ada:hidden@host/x?token=hidden"))
    assert caught.value.message.startswith("`blobs.url` nowhere://host/x is no place that fsspec")
    assert "hidden" not in caught.value.message


def test_credentials_reach_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the options, and with their values."""
    seen: dict[str, Any] = {}

    def url_to_fs(url: str, **options: Any) -> tuple[Any, str]:
        seen.update(options)
        return object(), url

    monkeypatch.setattr("fsspec.core.url_to_fs", url_to_fs)
    open_blobs(
        BlobSettings(url="s3://x", options={"anon": False}, credentials={"key": Secret("k")})
    )
    assert seen == {"anon": False, "key": "k"}


async def test_the_keys_of_a_database_have_their_effect(tmp_path: Path) -> None:
    """Written in a config, with a folder that is relative to the config's."""
    config: dict[str, Any] = {
        "name": "app",
        "llms": {"default": {"provider": "offline"}},
        "databases": {
            "main": {
                "driver": "sqlite",
                "database": "sessions.db",
                "max_artifact_bytes": 5_000_000,
                "hot_bytes": 0,
                "blobs": {"folder": "blobs", "min_bytes": 1_000, "timeout": "5s"},
            }
        },
        "server": {"sessions": {"backend": "sql", "database": "main"}},
        "agents": {"main": {}},
    }
    path = tmp_path / "hector.yaml"
    path.write_text(json.dumps(config))
    async with Runtime.open(path, env={}) as runtime:
        sessions = runtime.sessions
        await sessions.create(KEY)
        await save(sessions, b"x" * 1_000)
        assert [item.stat().st_size for item in blobs_in(tmp_path)] == [1_000]
        with pytest.raises(ArtifactTooLargeError) as caught:
            await save(sessions, b"x" * 5_000_001, 2)
        assert caught.value.limit_bytes == 5_000_000
        one, two = await sessions.load(KEY), await sessions.load(KEY)
        assert one is not None
        assert two is not None
        assert one.events[0] is not two.events[0]  # nothing is kept decoded


async def test_a_store_without_blobs_keeps_what_it_cannot_delete_for_one_with_them(
    tmp_path: Path,
) -> None:
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        assert await sessions.delete(KEY)
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as other:
        assert other.execute("SELECT count(*) FROM contents").fetchone() == (1,)
