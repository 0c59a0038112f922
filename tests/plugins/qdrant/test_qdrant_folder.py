"""The embedded store on disk: it survives, it is taken once, and it says what is wrong with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hector.errors import VectorStoreError
from hector.spi import Compare, Equals, VectorRecord
from hector_plugin_qdrant.embedded import open_store
from hector_plugin_qdrant.settings import QdrantSettings

WRITER = """
import asyncio, sys
from pathlib import Path
from hector.spi import Equals, VectorRecord
from hector_plugin_qdrant.embedded import open_store
from hector_plugin_qdrant.settings import QdrantSettings

async def write():
    async with open_store(QdrantSettings(path=Path(sys.argv[1]))) as store:
        await store.create_collection("c", dimension=8)
        for batch in range(1_000_000):
            await store.upsert("c", [
                VectorRecord(
                    id=f"{batch}-{n}", vector=[1.0] * 8, text="x" * 500, metadata={"batch": batch}
                )
                for n in range(20)
            ])
            if batch % 5 == 4:
                await store.delete("c", where=Equals("batch", batch - 2))
            print(batch, flush=True)

asyncio.run(write())
"""


def settings(path: Path) -> QdrantSettings:
    return QdrantSettings(path=path)


def record(name: str) -> VectorRecord:
    return VectorRecord(id=name, vector=(1.0, 2.0), text=f"text of {name}", metadata={"n": 1.5})


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "there"
    async with open_store(settings(path)) as store:
        await store.create_collection("c", dimension=2)
        await store.upsert("c", [record("a"), record("b")])
        await store.delete("c", ids=["a"])
    async with open_store(settings(path)) as store:
        assert list(await store.collections()) == ["c"]
        (found,) = await store.get("c", ["a", "b"])
        assert (found, tuple(found.vector)) == (record("b"), pytest.approx((1, 2)))
        assert await store.count("c", where=Compare("n", "<", 2)) == 1


@pytest.mark.parametrize("acknowledged", [1, 30, 100])
async def test_acknowledged_writes_survive_a_kill(tmp_path: Path, acknowledged: int) -> None:
    """SIGKILL at any moment: all that returned is there, and what did not is there whole or not."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer:
        last = [int(writer.stdout.readline()) for _ in range(acknowledged)][-1]
        writer.kill()
        last = max([last, *(int(line) for line in writer.stdout.read().splitlines())])
    async with open_store(settings(tmp_path / "store")) as store:
        deleted = {batch - 2 for batch in range(4, last + 1, 5)}
        for batch in range(last + 1):
            count = await store.count("c", where=Equals("batch", batch))
            allowed = {0} if batch in deleted else {20}
            # The delete after the last acknowledged batch may have happened.
            assert count in allowed | ({0} if batch == last - 1 else set[int]()), batch
        assert await store.count("c", where=Equals("batch", last + 1)) in {0, 20}
        await store.upsert("c", [VectorRecord(id="after", vector=[1.0] * 8)])
        assert [hit.id for hit in await store.search("c", [1.0] * 8, limit=1)] == ["0-0"]


async def test_space_of_deleted_records_is_given_back(tmp_path: Path) -> None:
    """By rewriting what is left, which changes no answer."""
    text = "x" * 2000

    def used() -> int:
        return sum(file.stat().st_blocks * 512 for file in tmp_path.rglob("payload_storage/*.dat"))

    async with open_store(settings(tmp_path)) as store:
        await store.create_collection("c", dimension=2)
        for tenth in range(10):
            records = [
                VectorRecord(id=f"{tenth}-{n}", vector=(tenth, n), text=text + str(n * 7919))
                for n in range(300)
            ]
            await store.upsert("c", records)
        before = used()
        ids = [f"{tenth}-{n}" for tenth in range(9) for n in range(300)]
        assert await store.delete("c", ids=ids) == 2700
        assert await store.count("c") == 300
        hits = await store.search("c", (9, 3), limit=300)
        assert {hit.id for hit in hits} == {f"9-{n}" for n in range(300)}
        assert hits[0].id == "9-3"
    assert used() < before / 2


async def test_a_folder_is_for_one_store(tmp_path: Path) -> None:
    """In this process and in others; it is free as soon as the store is closed."""
    opener = f"""
        import asyncio
        from pathlib import Path
        from hector_plugin_qdrant.embedded import open_store
        from hector_plugin_qdrant.settings import QdrantSettings

        async def main():
            async with open_store(QdrantSettings(path=Path({str(tmp_path)!r}))):
                print("open")

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(opener)]
    async with open_store(settings(tmp_path)):
        with pytest.raises(VectorStoreError) as raised:
            async with open_store(settings(tmp_path)):
                pass
        other = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    message = f"the folder `{tmp_path}` is in use by another store or another process"
    assert raised.value.message == message
    assert raised.value.hint == (
        "close that one, give this one a `path` of its own, or use a Qdrant server"
    )
    assert message in other.stderr
    free = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert (free.stdout, free.stderr) == ("open\n", "")


async def test_a_build_that_is_cancelled_leaves_the_folder_free(tmp_path: Path) -> None:
    async def open_in_no_time() -> None:
        async with asyncio.timeout(0), open_store(settings(tmp_path)):
            pytest.fail("opened in no time")

    with pytest.raises(TimeoutError):
        await open_in_no_time()
    async with open_store(settings(tmp_path)) as store:
        assert list(await store.collections()) == []


async def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(VectorStoreError) as raised:
        async with open_store(settings(place)):
            pass
    assert raised.value.message == f"the folder `{place}` cannot be used: File exists"
    assert raised.value.hint == "check `path` and the rights on it"


@pytest.mark.parametrize("damage", ["segments", "edge_config.json", "all", "collection.json"])
async def test_damage_is_named_and_the_other_collections_work(tmp_path: Path, damage: str) -> None:
    """A damaged collection can still be dropped and made again."""
    async with open_store(settings(tmp_path)) as store:
        for name in ("good", "bad"):
            await store.create_collection(name, dimension=2)
            await store.upsert(name, [record("a")])
    files = [file for file in (tmp_path / "bad").rglob("*") if file.is_file()]
    for file in files:
        if damage == "all" or damage in file.parts:
            file.write_bytes(b"garbage")
    async with open_store(settings(tmp_path)) as store:
        with pytest.raises(VectorStoreError) as raised:
            await store.search("bad", (1, 0))
        assert raised.value.message.startswith(f"collection `bad` in `{tmp_path / 'bad'}")
        assert "cannot be opened: " in raised.value.message
        assert raised.value.hint == (
            "restore the folder from a backup, or drop the collection and index again"
        )
        assert await store.count("good") == 1
        await store.drop_collection("bad")
        await store.create_collection("bad", dimension=2)
        assert await store.count("bad") == 0


async def test_half_made_and_half_removed_collections_are_swept(tmp_path: Path) -> None:
    """As a process leaves them that is killed between two renames."""
    for name in (".new-1", ".dropped-1"):
        (tmp_path / name / "shard").mkdir(parents=True)
        (tmp_path / name / "collection.json").write_text('{"dimension": 2}')
    async with open_store(settings(tmp_path)) as store:
        assert list(await store.collections()) == []
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


async def test_names_stay_inside_the_folder_and_apart(tmp_path: Path) -> None:
    """Whatever they look like to a file system."""
    names = ["..", ".", "../up", "/etc", "a", "A", "a/b", "a%2Fb", "ä", "con.txt", " ", "*"]
    async with open_store(settings(tmp_path / "store")) as store:
        for name in names:
            await store.create_collection(name, dimension=2)
            await store.upsert(name, [record(name)])
        assert list(await store.collections()) == sorted(names)
        for name in names:
            assert [hit.id for hit in await store.search(name, (1, 2))] == [name]
        with pytest.raises(VectorStoreError, match="is too long"):
            await store.create_collection("x" * 300, dimension=2)
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


async def test_searches_beside_a_drop_answer_or_say_what_happened(tmp_path: Path) -> None:
    """They run in other threads than the drop."""
    outcomes: list[object] = []
    async with open_store(settings(tmp_path)) as store:
        await store.create_collection("c", dimension=2)
        await store.upsert("c", [record(f"{number}") for number in range(500)])

        async def search() -> None:
            try:
                outcomes.append(len(await store.search("c", (1, 2), limit=400)))
            except VectorStoreError as error:
                outcomes.append(str(error))

        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(search())
                if number == 10:
                    group.create_task(store.drop_collection("c"))
        assert list(await store.collections()) == []
    assert {outcome for outcome in outcomes if isinstance(outcome, int)} <= {400}
    assert all("`c`" in outcome for outcome in outcomes if isinstance(outcome, str))
    assert len(outcomes) == 40
