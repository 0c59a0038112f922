"""What goes in comes out, and what cannot is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hector.errors import UsageError, VectorStoreError
from hector.message import JSONValue
from hector.spi import VectorRecord, VectorStore

# The engine of the client makes no index, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


def record(id: str, *vector: float, **metadata: JSONValue) -> VectorRecord:
    return VectorRecord(id=id, vector=vector or (1.0, 0.0), metadata=metadata)


async def test_vectors_come_back_with_their_length(store: VectorStore) -> None:
    """Qdrant keeps directions only; and takes very short vectors for normalized ones."""
    given = {"long": (3e20, 4e20), "short": (3e-20, 4e-20), "zero": (0.0, 0.0)}
    await store.upsert("c", [record(name, *vector) for name, vector in given.items()])
    for found in await store.get("c", list(given)):
        assert list(found.vector) == pytest.approx(given[found.id], rel=1e-6)
    scores = {hit.id: hit.score for hit in await store.search("c", (6e-9, 8e-9))}
    assert scores == pytest.approx({"long": 1, "short": 1, "zero": 0}, abs=1e-6)


async def test_ties_come_in_id_order_whatever_the_limit(store: VectorStore) -> None:
    """Also where the limit cuts through them, and the right ones came in last."""
    ids = [f"{number:03}" for number in range(150)]
    await store.upsert("c", [record(item, 1, 1) for item in reversed(ids)] + [record("z", 1, 0)])
    for limit in (1, 2, 9, 10, 140, 500):
        hits = await store.search("c", (1, 0), limit=limit)
        assert [hit.id for hit in hits] == ["z", *ids][:limit]


async def test_metadata_of_every_shape_survives(store: VectorStore) -> None:
    """Types too: `True`, `1` and `1.0` are equal in Python and three things here."""
    metadata: dict[str, JSONValue] = {
        "none": None, "empty": [], "mixed": ["a", 1, 1.0, True, None], "deep": {"x": [{"y": -0.0}]},
        "": "no key", "a.b[0]": "a path", "ns": 1_763_830_800_123_456_789, "tiny": 5e-324,
        "huge": 10**400, "surrogate": "\ud800", "float": 0.09078325833017935,
    }  # fmt: skip
    await store.upsert("c", [VectorRecord(id="1", vector=(1, 0), text="\0ü\n", metadata=metadata)])
    (found,) = await store.get("c", ["1"])
    (hit,) = await store.search("c", (1, 0))
    assert repr(dict(sorted(found.metadata.items()))) == repr(dict(sorted(metadata.items())))
    assert repr(dict(sorted(hit.metadata.items()))) == repr(dict(sorted(metadata.items())))
    assert (found.text, hit.text) == ("\0ü\n", "\0ü\n")


async def test_any_string_is_an_id(store: VectorStore) -> None:
    """Qdrant itself takes numbers and UUIDs only."""
    ids = ["1", "01", " ", "docs/a.md#3", "ä", "x" * 5000, "7d444840-9dc0-11d1-b245-5ffdce74fad2"]
    await store.upsert("c", [record(item) for item in ids])
    assert [found.id for found in await store.get("c", [*ids, "absent", "1"])] == [*ids, "1"]
    assert await store.delete("c", ids=["ä", "ä", "absent"]) == 1
    assert await store.delete("c", ids=[]) == 0
    assert await store.count("c") == len(ids) - 1


BAD: list[tuple[VectorRecord, str]] = [
    (record(""), "a record has an empty id"),
    (record("x", 1, 0, 0), "the vector of record `x` has length 3, the collection has dimension 2"),
    (
        record("x", math.nan, 0),
        "the vector of record `x` holds a number that is not finite, or is too large",
    ),
    (
        record("x", n=math.inf),
        "record `x` is not JSON in Unicode: Out of range float values are not JSON compliant",
    ),
    (record("x\ud800"), "the id 'x\\ud800' is not Unicode: surrogates not allowed"),
    (
        VectorRecord(id="x", vector=(1, 0), text="\ud800"),
        "record `x` is not JSON in Unicode: 'utf-8' codec can't encode character",
    ),
]


@pytest.mark.parametrize(("bad", "message"), BAD, ids=[message[:40] for _, message in BAD])
async def test_a_record_that_cannot_be_kept_is_refused_with_its_whole_call(
    store: VectorStore, bad: VectorRecord, message: str
) -> None:
    with pytest.raises(VectorStoreError) as raised:
        await store.upsert("c", [record("good"), bad])
    assert raised.value.message.startswith(message)
    assert await store.count("c") == 0


async def test_mistakes_of_the_caller_are_named(store: VectorStore) -> None:
    mistakes: list[tuple[Any, str]] = [
        (store.search("c", (1, 0), limit=0), "limit must be > 0, not 0"),
        (store.delete("c"), "delete takes either `ids` or `where`"),
        (store.create_collection("d", dimension=0), "dimension must be > 0, not 0"),
    ]
    for call, message in mistakes:
        with pytest.raises(UsageError) as raised:
            await call
        assert raised.value.message == message


async def test_a_made_collection_keeps_its_dimension(store: VectorStore) -> None:
    await store.create_collection("c", dimension=2)
    with pytest.raises(VectorStoreError) as raised:
        await store.create_collection("c", dimension=3)
    assert raised.value.message == "collection `c` has dimension 2, not 3"
    await store.drop_collection("c")
    await store.create_collection("c", dimension=3)
    await store.upsert("c", [record("x", 1, 2, 3)])
    assert await store.count("c") == 1


async def test_an_empty_name_is_no_collection(store: VectorStore) -> None:
    with pytest.raises(VectorStoreError, match="name"):
        await store.create_collection("", dimension=2)
    with pytest.raises(VectorStoreError, match="name"):
        await store.drop_collection("")
