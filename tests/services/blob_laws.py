"""What holds for large artifacts outside the database, whatever database: nothing is lost, nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from session_stage import DAY_S, KEY, Clock, Stage

from hector import Runtime
from hector.errors import ArtifactNotFoundError, ArtifactTooLargeError, SessionError
from hector.message import Actions, Event
from hector.spi import ArtifactDraft, Sessions, StagedBytes
from hector.spi.session_blob_settings import BlobSettings

__all__ = ["DATA", "BlobLaws", "blobs_in", "folder_blobs", "naming", "save", "some"]

DATA = bytes(range(256)) * 12_000


def folder_blobs(folder: Path, min_bytes: int = 100) -> BlobSettings:
    return BlobSettings(folder=folder / "blobs", min_bytes=min_bytes)


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


async def save(sessions: Sessions, data: bytes | StagedBytes, version: int = 1) -> None:
    draft = ArtifactDraft(name="a", version=version, media_type="x/y", data=data)
    await sessions.append(KEY, [naming(version)], head=version - 1, artifacts=[draft])


async def some(data: bytes, *, then: BaseException | None = None) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]
    if then is not None:
        raise then


class BlobLaws:
    """For stores with `blobs` in a folder."""

    @pytest.fixture(autouse=True)
    def on_a_stage(self, stage: Stage, tmp_path: Path) -> None:
        self.stage = stage
        self.folder = tmp_path

    def with_blobs(self, **more: Any) -> Any:
        return self.stage.open(self.folder, blobs=folder_blobs(self.folder), **more)

    async def test_large_content_is_in_the_folder_and_small_content_in_the_database(self) -> None:
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            await save(sessions, b"x" * 99)
            assert blobs_in(self.folder) == []
            await save(sessions, DATA, 2)
            (path,) = blobs_in(self.folder)
            assert path.read_bytes() == DATA
            assert path.stat().st_mode & 0o777 == 0o600
            assert (await sessions.load_artifact(KEY, "a")).data == DATA
            assert (await sessions.load_artifact(KEY, "a", version=1)).data == b"x" * 99
        assert await self.stage.counts(self.folder, "pieces") == [0]

    async def test_blobs_go_after_the_session_they_belong_to(self) -> None:
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            await save(sessions, DATA)
            async with aclosing(sessions.stream_artifact(KEY, "a")) as pieces:
                await anext(pieces)
                assert await sessions.delete(KEY)
            assert blobs_in(self.folder) == []
            with pytest.raises(ArtifactNotFoundError):
                await sessions.load_artifact(KEY, "a")
        assert await self.stage.counts(self.folder, "contents") == [0]

    async def test_what_was_written_and_never_named_is_swept_after_a_day(self) -> None:
        """As after a crash between the blob and the commit; what was named stays."""
        clock = Clock()
        async with self.with_blobs(clock=clock) as sessions:
            await sessions.create(KEY)
            await save(sessions, DATA)
            staged = await sessions.stage(KEY, some(DATA))
            assert len(blobs_in(self.folder)) == 2
        for seconds, left in ((DAY_S - 1, 2), (2, 1)):
            clock.now += seconds
            async with self.with_blobs(clock=clock, sleep=clock.sleep) as sessions:
                await clock.quiet()
                assert len(blobs_in(self.folder)) == left
        async with self.with_blobs() as sessions:
            with pytest.raises(SessionError, match="is not there"):
                await save(sessions, staged, 2)
            assert (await sessions.load_artifact(KEY, "a")).data == DATA

    async def test_what_died_between_the_deletion_and_its_blobs_is_swept(self) -> None:
        clock = Clock()
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            await save(sessions, DATA)
        async with self.stage.open(self.folder) as sessions:  # it cannot delete blobs
            assert await sessions.delete(KEY)
        assert len(blobs_in(self.folder)) == 1
        assert await self.stage.counts(self.folder, "contents") == [1]
        async with self.with_blobs(clock=clock, sleep=clock.sleep):
            await clock.quiet()
            assert blobs_in(self.folder) == []
        assert await self.stage.counts(self.folder, "contents") == [0]

    @pytest.mark.parametrize("problem", [RuntimeError("lost"), SessionError("lost")])
    async def test_what_breaks_off_leaves_nothing(self, problem: Exception) -> None:
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            with pytest.raises(type(problem), match="lost"):
                await sessions.stage(KEY, some(DATA, then=problem))
            assert blobs_in(self.folder) == []
        assert await self.stage.counts(self.folder, "contents") == [0]

    async def test_a_blob_that_was_written_before_a_crash_is_known_to_the_database(self) -> None:
        """Its id is committed first, so whoever dies at any moment leaves nothing that nobody knows of."""
        seen: list[list[int]] = []

        async def watched() -> AsyncGenerator[bytes]:
            async with aclosing(some(DATA)) as pieces:
                async for piece in pieces:
                    if blobs_in(self.folder):
                        named = "contents WHERE " + self.blob_is_named
                        seen.append(await self.stage.counts(self.folder, named))
                    yield piece

        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            await sessions.stage(KEY, watched())
        assert seen
        assert all(count == [1] for count in seen)

    blob_is_named = "blob IS NOT NULL"

    async def test_the_limit_holds_for_blobs(self) -> None:
        async with self.with_blobs(max_artifact_bytes=2_000_000) as sessions:
            await sessions.create(KEY)
            with pytest.raises(ArtifactTooLargeError):
                await sessions.stage(KEY, some(DATA))
            assert blobs_in(self.folder) == []

    async def test_content_that_is_missing_or_short_is_said_to_be(self) -> None:
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            await save(sessions, DATA)
            (path,) = blobs_in(self.folder)
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
                f"the content of an artifact is missing in the folder {self.folder / 'blobs'}"
            )
        async with self.stage.open(self.folder) as sessions:
            with pytest.raises(
                SessionError, match="is in a store of blobs, and none is configured"
            ):
                await sessions.load_artifact(KEY, "a")

    async def test_a_place_that_cannot_be_written_is_said_to_be(self) -> None:
        (self.folder / "blobs").write_text("a file")
        async with self.with_blobs() as sessions:
            await sessions.create(KEY)
            with pytest.raises(SessionError, match=r"the artifacts in the folder .*blobs failed: "):
                await save(sessions, DATA)
            (self.folder / "blobs").unlink()
            await save(sessions, DATA)

    async def test_the_keys_of_a_database_have_their_effect(self) -> None:
        """Written in a config, with a folder that is relative to the config's."""
        blobs = {"folder": "blobs", "min_bytes": 1_000, "timeout": "5s"}
        entry = self.stage.entry(self.folder)
        config: dict[str, Any] = {
            "name": "app",
            "llms": {"default": {"provider": "offline"}},
            "databases": {"main": {**entry, "max_artifact_bytes": 5_000_000, "blobs": blobs}},
            "server": {"sessions": {"backend": "sql", "database": "main"}},
            "agents": {"main": {}},
        }
        path = self.folder / "hector.yaml"
        path.write_text(json.dumps(config))
        async with Runtime.open(path, env={}) as runtime:
            sessions = runtime.sessions
            await sessions.create(KEY)
            await save(sessions, b"x" * 1_000)
            assert [item.stat().st_size for item in blobs_in(self.folder)] == [1_000]
            with pytest.raises(ArtifactTooLargeError) as caught:
                await save(sessions, b"x" * 5_000_001, 2)
            assert caught.value.limit_bytes == 5_000_000

    async def test_a_stage_that_is_cancelled_leaves_nothing_that_is_not_swept(self) -> None:
        """The blob is not there, or known; the rows go after a day."""
        clock = Clock()
        reading = asyncio.Event()

        async def stuck() -> AsyncGenerator[bytes]:
            yield DATA
            reading.set()
            await asyncio.get_running_loop().create_future()

        async with self.with_blobs(clock=clock, sleep=clock.sleep) as sessions:
            await sessions.create(KEY)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(sessions.stage(KEY, stuck()))
                await reading.wait()
                task.cancel()
            assert await self.stage.counts(self.folder, "contents") == [1]
            await clock.forward(DAY_S + 1)
            assert blobs_in(self.folder) == []
            assert await self.stage.counts(self.folder, "contents") == [0]
