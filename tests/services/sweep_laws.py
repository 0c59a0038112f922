"""What holds for the sweeps of every store, while it runs, and beside others."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from blob_laws import DATA, blobs_in, folder_blobs, save, some
from session_stage import DAY_S, KEY, Clock, Stage

from hector.errors import SessionError
from hector.spi import StagedBytes
from hector.spi.session_blob_files import FolderFiles
from hector.spi.session_stores import staging, sweeps

__all__ = ["SweepLaws"]


class SweepLaws:
    """For stores with blobs and without."""

    @pytest.fixture(autouse=True)
    def on_a_stage(self, stage: Stage, tmp_path: Path) -> None:
        self.stage = stage
        self.folder = tmp_path

    def with_blobs(self, clock: Clock) -> Any:
        blobs = folder_blobs(self.folder)
        return self.stage.open(self.folder, blobs=blobs, clock=clock, sleep=clock.sleep)

    async def rows(self) -> list[int]:
        return await self.stage.counts(self.folder, "contents", "pieces")

    async def test_what_nobody_named_goes_while_the_store_runs(self) -> None:
        """In pieces; what was named stays, and an append finds that the rest is gone."""
        clock = Clock()
        async with self.stage.open(self.folder, clock=clock, sleep=clock.sleep) as sessions:
            await sessions.create(KEY)
            await save(sessions, await sessions.stage(KEY, some(DATA)))
            staged = await sessions.stage(KEY, some(DATA))
            assert await self.rows() == [2, 6]
            await clock.forward(DAY_S - 1)
            assert await self.rows() == [2, 6]
            await clock.forward(sweeps.EVERY_S)
            assert await self.rows() == [1, 3]
            with pytest.raises(SessionError, match="is not there"):
                await save(sessions, staged, 2)
            assert (await sessions.load_artifact(KEY, "a")).data == DATA

    async def test_it_is_looked_for_every_hour(self) -> None:
        clock = Clock()
        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            for _ in range(3):
                await sessions.stage(KEY, some(DATA))
                await clock.forward(sweeps.EVERY_S)
            assert len(blobs_in(self.folder)) == 3
            await clock.forward(DAY_S - 3 * sweeps.EVERY_S + 1)
            for left in (2, 1, 0):
                assert len(blobs_in(self.folder)) == left
                await clock.forward(sweeps.EVERY_S)
            assert await self.rows() == [0, 0]

    async def test_several_may_sweep_at_once(self) -> None:
        """Replicas: each thing goes once, nothing that is named goes, and nobody fails."""
        clock = Clock()
        async with self.with_blobs(clock) as one, self.with_blobs(clock), self.with_blobs(clock):
            await one.create(KEY)
            await save(one, DATA)
            for _ in range(5):
                await one.stage(KEY, some(DATA))
            await clock.forward(DAY_S + 1, stores=3)
            assert len(blobs_in(self.folder)) == 1
            assert (await one.load_artifact(KEY, "a")).data == DATA
        assert await self.rows() == [1, 0]

    async def test_an_append_and_a_sweep_that_meet_agree(self) -> None:
        """Either it is named, and stays, or it is gone, and the append is told."""
        clock = Clock()
        named = 0
        async with self.with_blobs(clock) as sessions, self.with_blobs(clock):
            await sessions.create(KEY)
            for _ in range(6):
                await clock.quiet(2)
                staged = [await sessions.stage(KEY, some(DATA)) for _ in range(2)]
                async with asyncio.TaskGroup() as group:
                    group.create_task(clock.forward(DAY_S + 1, stores=2))
                    tasks = [group.create_task(_named(sessions, it, named + 1)) for it in staged]
                named += sum(task.result() for task in tasks)
                assert len(blobs_in(self.folder)) == named
            for version in range(1, named + 1):
                assert (await sessions.load_artifact(KEY, "a", version=version)).data == DATA

    async def test_what_cannot_be_removed_now_is_removed_later(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And holds up nothing else."""
        clock = Clock()
        broken: list[str] = []
        delete = FolderFiles.delete

        def fail_once(files: FolderFiles, id: str) -> None:
            if not broken:
                broken.append(id)
                raise OSError("no")
            delete(files, id)

        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            for _ in range(3):
                await sessions.stage(KEY, some(DATA))
            monkeypatch.setattr(FolderFiles, "delete", fail_once)
            await clock.forward(DAY_S + 1)
            assert [path.name for path in blobs_in(self.folder)] == broken
            assert await self.rows() == [1, 0]
            await clock.forward(sweeps.EVERY_S)
            assert await self.rows() == [0, 0]

    async def test_more_than_one_turn_finds_is_removed_in_several(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(staging, "_SWEPT_AT_ONCE", 2)
        clock = Clock()
        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            for _ in range(5):
                await sessions.stage(KEY, some(DATA))
            await clock.forward(DAY_S + 1)
            assert blobs_in(self.folder) == []
            assert await self.rows() == [0, 0]

    async def test_a_sweep_that_takes_too_long_is_broken_off(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The store goes on, and the next sweep does the rest."""
        clock = Clock()

        async def hang(*_: object) -> bool:
            await asyncio.get_running_loop().create_future()
            return True

        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            await sessions.stage(KEY, some(DATA))
            with monkeypatch.context() as patched:
                patched.setattr(staging.Staging, "_remove", hang)
                patched.setattr(sweeps, "DEADLINE_S", 0.05)
                await clock.forward(DAY_S + 1)
            assert caplog.messages[-1].endswith(" broke off: 0.05 s are over")
            assert len(blobs_in(self.folder)) == 1
            await save(sessions, DATA)
            await clock.forward(sweeps.EVERY_S)
            assert len(blobs_in(self.folder)) == 1
            assert (await sessions.load_artifact(KEY, "a")).data == DATA

    async def test_content_that_is_swept_while_it_comes_in_is_not_given_out(self) -> None:
        """A stream of more than a day: nothing of it stays, in the folder or in the database."""
        clock = Clock()

        async def slow() -> AsyncGenerator[bytes]:
            yield DATA
            await clock.forward(DAY_S + 1)
            yield DATA

        for open_ in (
            lambda: self.with_blobs(clock),
            lambda: self.stage.open(self.folder, clock=clock, sleep=clock.sleep),
        ):
            async with open_() as sessions:
                if await sessions.load(KEY) is None:
                    await sessions.create(KEY)
                with pytest.raises(SessionError, match=r"was staged .* is not there|is missing"):
                    await sessions.stage(KEY, slow())
                assert blobs_in(self.folder) == []
                assert await self.rows() == [0, 0]

    async def test_closing_waits_for_one_step_of_a_sweep(self) -> None:
        """A command that is over at once removes something, and leaves the rest to the next."""
        clock = Clock()
        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            for _ in range(3):
                await sessions.stage(KEY, some(DATA))
        clock.now += DAY_S + 1
        for left in (2, 1, 0):
            async with self.with_blobs(clock):
                pass
            assert len(blobs_in(self.folder)) == left

    async def test_blobs_that_are_gone_already_are_no_obstacle(self) -> None:
        """As after somebody tidied up by hand."""
        clock = Clock()
        async with self.with_blobs(clock) as sessions:
            await sessions.create(KEY)
            await sessions.stage(KEY, some(DATA))
            shutil.rmtree(self.folder / "blobs")
            await clock.forward(DAY_S + 1)
            assert await self.rows() == [0, 0]


async def _named(sessions: Any, staged: StagedBytes, version: int) -> bool:
    try:
        await save(sessions, staged, version)
    except SessionError:
        return False
    return True
