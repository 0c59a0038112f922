"""Large artifacts outside the database: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from blob_laws import DATA, BlobLaws, blobs_in, save
from session_stage import KEY, Clock
from sqlite_stage import SqliteStage
from sweep_laws import SweepLaws

from hector.errors import (
    SessionError,
    UsageError,
)
from hector.spi import Secret
from hector.spi.session import Sessions
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_blobs import FileBlobs, open_blobs
from hector.testing import SessionsSuite
from hector_std.conformance import TestSqliteBlobs
from hector_std.sqlite_sessions.store import SqliteSessions

__all__ = ["TestBlobs", "TestInFsspec", "TestSqliteBlobs", "TestSweeps"]


def folder_blobs(folder: Path) -> FileBlobs:
    return open_blobs(BlobSettings(folder=folder / "blobs"))


def a_store(folder: Path, *, clock: Any = time.time) -> SqliteSessions:
    return SqliteSessions(
        folder / "sessions.db", blobs=folder_blobs(folder), min_blob_bytes=100, clock=clock
    )


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


class TestBlobs(BlobLaws):
    """It keeps large artifacts outside the database."""


class TestSweeps(SweepLaws):
    """It removes what nobody names."""


async def test_a_file_of_an_older_version_is_swept_as_well(
    stage: SqliteStage, tmp_path: Path
) -> None:
    """There the rows of blobs kept the number of their deleted session."""
    clock = Clock()
    async with a_store(tmp_path) as sessions:
        await sessions.create(KEY)
        await save(sessions, DATA)
    async with SqliteSessions(tmp_path / "sessions.db") as sessions:
        assert await sessions.delete(KEY)
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as other:
        other.execute("UPDATE contents SET session = 1")
        other.commit()
    blobs = BlobSettings(folder=tmp_path / "blobs")
    async with stage.open(tmp_path, blobs=blobs, clock=clock, sleep=clock.sleep):
        await clock.quiet()
    assert blobs_in(tmp_path) == []
    assert await stage.counts(tmp_path, "contents") == [0]


async def test_recent_sessions_are_kept_decoded_unless_it_is_forbidden(
    stage: SqliteStage, tmp_path: Path
) -> None:
    for hot_bytes, is_same in ((1_000_000, True), (0, False)):
        async with stage.open(tmp_path, hot_bytes=hot_bytes) as sessions:
            if await sessions.load(KEY) is None:
                await sessions.create(KEY)
                await save(sessions, b"x")
            one, two = await sessions.load(KEY), await sessions.load(KEY)
            assert one is not None
            assert two is not None
            assert (one.events[0] is two.events[0]) == is_same


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
