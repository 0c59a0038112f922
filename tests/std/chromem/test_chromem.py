"""What chromem promises beyond the laws: exact ties, crash safety, clear refusals."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hector.errors import VectorStoreError
from hector.spi import All, Compare, Equals, VectorRecord
from hector_std.chromem import ChromemSettings
from hector_std.chromem.database import FILE_NAME
from hector_std.chromem.index import Index
from hector_std.chromem.store import Chromem, open_chromem

WRITER = """
import asyncio, sys
from pathlib import Path
from hector.spi import VectorRecord
from hector_std.chromem import ChromemSettings
from hector_std.chromem.index import Index
from hector_std.chromem.store import open_chromem

async def main():
    first = int(sys.argv[2])
    async with open_chromem(ChromemSettings(persist_path=Path(sys.argv[1]))) as store:
        await store.create_collection("c", dimension=64)
        for batch in range(first, first + 100_000):
            records = [
                VectorRecord(id=f"{batch}/{number}", vector=[float(batch + 1), float(number)] * 32, text=str(batch))
                for number in range(20)
            ]
            await store.upsert("c", records)
            print(batch, flush=True)

asyncio.run(main())
"""


def record(key: str, *vector: float, **metadata: str | float) -> VectorRecord:
    """A record with that vector."""
    return VectorRecord(id=key, vector=vector, text=f"text of {key}", metadata=metadata)


async def ids(store: Chromem, *vector: float, limit: int = 10) -> list[str]:
    """Ids of the nearest in collection `c`."""
    return [hit.id for hit in await store.search("c", vector, limit=limit)]


async def test_acknowledged_batches_survive_kill(tmp_path: Path) -> None:
    """After each SIGKILL every acknowledged batch is there whole, and none is there in part."""
    acknowledged = -1
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout
            target = acknowledged + 15
            while acknowledged < target:
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            acknowledged = max(
                [acknowledged, *(int(line) for line in writer.stdout if line.strip())]
            )
        async with open_chromem(ChromemSettings(persist_path=tmp_path)) as store:
            count = await store.count("c")
            assert count % 20 == 0
            assert count >= 20 * (acknowledged + 1)
            keys = [
                f"{batch}/{number}" for batch in range(acknowledged + 1) for number in range(20)
            ]
            found = await store.get("c", keys)
            assert [item.id for item in found] == keys
            assert list(found[-1].vector) == [float(acknowledged + 1), 19.0] * 32
            assert len(await store.search("c", [1.0] * 64, limit=count + 1)) == count
            acknowledged = count // 20 - 1


async def test_a_store_sees_what_another_has_written(tmp_path: Path) -> None:
    """Two stores on one folder: what one inserts, replaces, deletes and drops, the other finds."""
    settings = ChromemSettings(persist_path=tmp_path)
    async with open_chromem(settings) as one, open_chromem(settings) as two:
        await one.create_collection("c", dimension=2)
        await one.upsert("c", [record("a", 1, 0, n=1), record("b", 0, 1, n=2)])
        assert await ids(two, 1, 0) == ["a", "b"]
        await one.upsert("c", [record("a", -1, 0, n=3)])
        assert await ids(two, 1, 0) == ["b", "a"]
        assert await two.count("c", where=Compare("n", ">", 2)) == 1
        await two.upsert("c", [record("x", 1, 0)])
        assert await ids(one, 1, 0, limit=1) == ["x"]
        await one.delete("c", ids=["x"])
        assert await ids(two, 1, 0, limit=1) == ["b"]
        await one.drop_collection("c")
        await one.create_collection("c", dimension=2)
        assert await ids(two, 1, 0) == []


async def test_writers_take_turns(tmp_path: Path) -> None:
    """Two stores that write at the same time lose nothing."""
    settings = ChromemSettings(persist_path=tmp_path)
    async with open_chromem(settings) as one, open_chromem(settings) as two:
        await one.create_collection("c", dimension=2)
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(one.upsert("c", [record(f"one{number}", 1, number)]))
                group.create_task(two.upsert("c", [record(f"two{number}", number, 1)]))
        assert await one.count("c") == await two.count("c") == 40
        assert len(await ids(one, 1, 1, limit=100)) == 40


async def test_a_lock_that_is_held_too_long_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hector_std.chromem.database._BUSY_TIMEOUT_S", 0.05)
    async with open_chromem(ChromemSettings(persist_path=tmp_path)) as store:
        await store.create_collection("c", dimension=2)
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(VectorStoreError) as caught:
            await store.upsert("c", [record("a", 1, 0)])
        other.close()
        assert str(caught.value) == (
            f"[H540] the vector store in `{tmp_path}` is being written by another process for more than"
            " 0.05 s\n  hint: let the other process finish, or give each its own `persist_path`"
        )
        await store.upsert("c", [record("a", 1, 0)])
        assert await ids(store, 1, 0) == ["a"]


async def test_ties_are_cut_in_id_order() -> None:
    """Of many equal vectors the first ids are returned, wherever they stand."""
    rng = np.random.default_rng(7)
    vector = rng.normal(size=48).tolist()
    async with open_chromem(ChromemSettings()) as store:
        await store.create_collection("c", dimension=48)
        keys = [f"{number:04}" for number in rng.permutation(3000)]
        await store.upsert("c", [VectorRecord(id=key, vector=vector) for key in keys])
        hits = await store.search("c", rng.normal(size=48).tolist(), limit=25)
    assert [hit.id for hit in hits] == [f"{number:04}" for number in range(25)]
    assert len({hit.score for hit in hits}) == 1


async def test_finds_what_brute_force_finds() -> None:
    """2,000 random vectors, half replaced and a third deleted: the same ids in the same order."""
    rng = np.random.default_rng(11)
    vectors = rng.normal(size=(2000, 32)).astype(np.float32)
    async with open_chromem(ChromemSettings()) as store:
        await store.create_collection("c", dimension=32)
        await store.upsert(
            "c", [VectorRecord(id=f"{n}", vector=[1.0] * 32) for n in range(0, 2000, 2)]
        )
        records = [
            VectorRecord(id=f"{n}", vector=vector.tolist(), metadata={"n": n, "even": n % 2 == 0})
            for n, vector in enumerate(vectors)
        ]
        await store.upsert("c", records)
        assert await store.delete("c", ids=[f"{n}" for n in range(0, 2000, 3)]) == 667
        left = [n for n in range(2000) if n % 3]
        for where, rows in (
            (None, left),
            (Equals("even", True), [n for n in left if n % 2 == 0]),
            (
                All((Compare("n", ">=", 100), Compare("n", "<", 150))),
                [n for n in left if 100 <= n < 150],
            ),
        ):
            query = rng.normal(size=32)
            unit = vectors[rows].astype(float) / np.linalg.norm(
                vectors[rows], axis=1, keepdims=True
            )
            scores = unit @ (query / np.linalg.norm(query))
            best = [f"{rows[i]}" for i in np.argsort(-scores)[:10]]
            hits = await store.search("c", query.tolist(), where=where)
            assert [hit.id for hit in hits] == best
            assert [hit.score for hit in hits] == pytest.approx(
                sorted(scores, reverse=True)[:10], abs=1e-6
            )


@pytest.mark.parametrize("persistent", [True, False])
async def test_extreme_vectors_come_back_and_compare(tmp_path: Path, *, persistent: bool) -> None:
    """The largest and smallest float32 values keep their direction; the zero vector scores 0."""
    huge, tiny = 3.0e38, 1.5e-38
    async with open_chromem(
        ChromemSettings(persist_path=tmp_path if persistent else None)
    ) as store:
        await store.create_collection("c", dimension=2)
        await store.upsert(
            "c", [record("huge", huge, huge), record("tiny", tiny, -tiny), record("zero", 0, 0)]
        )
        hits = await store.search("c", [huge, huge])
        assert [hit.id for hit in hits] == ["huge", "tiny", "zero"]
        assert [hit.score for hit in hits] == pytest.approx([1, 0, 0], abs=1e-6)
        found = await store.get("c", ["huge", "tiny", "zero"])
        expected = [[huge, huge], [tiny, -tiny], [0, 0]]
        for item, vector in zip(found, expected, strict=True):
            assert list(item.vector) == np.asarray(vector, dtype=np.float32).tolist()
        assert [hit.score for hit in await store.search("c", [0.0, 0.0])] == [0, 0, 0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e39, "x"])
async def test_what_is_not_a_finite_number_is_refused(bad: object) -> None:
    async with open_chromem(ChromemSettings()) as store:
        await store.create_collection("c", dimension=2)
        wrong = VectorRecord(id="bad", vector=[1.0, bad])  # type: ignore[list-item]
        with pytest.raises(VectorStoreError, match="the vector of `bad`"):
            await store.upsert("c", [record("good", 1, 0), wrong])
        assert await store.count("c") == 0


async def test_records_that_cannot_be_stored_change_nothing() -> None:
    """Empty ids, metadata that is not JSON and broken Unicode are refused with the whole call."""
    async with open_chromem(ChromemSettings()) as store:
        await store.create_collection("c", dimension=2)
        for bad in (
            record("", 1, 0),
            record("nan", 1, 0, n=float("nan")),
            VectorRecord(id="broken", vector=[1.0, 0.0], text="\ud800"),
        ):
            with pytest.raises(VectorStoreError):
                await store.upsert("c", [record("good", 1, 0), bad])
        assert await store.count("c") == 0
        assert await ids(store, 1, 0) == []


async def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(VectorStoreError, match="cannot be opened"):
        async with open_chromem(ChromemSettings(persist_path=file)):
            pass
    (tmp_path / FILE_NAME).write_text("no database" * 1000)
    with pytest.raises(VectorStoreError, match="file is not a database"):
        async with open_chromem(ChromemSettings(persist_path=tmp_path)):
            pass


async def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.executescript("CREATE TABLE t (x); PRAGMA user_version = 9")
    other.close()
    with pytest.raises(VectorStoreError, match="has schema 9, this Hector reads 1"):
        async with open_chromem(ChromemSettings(persist_path=tmp_path)):
            pass


async def test_the_loop_turns_while_a_large_upsert_runs(tmp_path: Path) -> None:
    """Other tasks run during an upsert, and a search after it sees every record."""
    turns = 0
    records = [VectorRecord(id=f"{n}", vector=[float(n), 1.0] * 64) for n in range(2000)]
    async with open_chromem(ChromemSettings(persist_path=tmp_path)) as store:
        await store.create_collection("c", dimension=128)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(store.upsert("c", records))
            while not task.done():
                turns += 1
                await asyncio.sleep(0)
        assert await store.count("c") == 2000
    assert turns > 10


def test_the_index_holds_little_more_than_the_matrix() -> None:
    """However many rows were put one by one, memory stays within 1.3 times their vectors."""
    rng = np.random.default_rng(3)
    index = Index(384)
    ratios: list[float] = []
    tracemalloc.start()
    try:
        for number in range(6000):
            index.put(f"{number}", rng.standard_normal(384, dtype=np.float32), {})
            if number in {999, 2499, 4099, 5999}:
                ratios.append(tracemalloc.get_traced_memory()[0] / ((number + 1) * 384 * 4))
    finally:
        tracemalloc.stop()
    # What was there before the trace began is small beside a thousand rows.
    assert max(ratios) < 1.45, ratios
    assert min(ratios) > 0.9, ratios
