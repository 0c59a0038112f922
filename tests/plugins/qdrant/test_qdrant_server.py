"""What goes over the wire to a server, and what its failures become."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from qdrant_wire import COLLECTION, Answer, Wire

from hector.errors import VectorStoreError
from hector.spi import BuildContext, Compare, Equals, Secret, VectorRecord, VectorStore
from hector_plugin_qdrant.create import create
from hector_plugin_qdrant.settings import QdrantSettings

KEY = "qdrant-key-0123456789"
NO_CONTEXT = cast("BuildContext", None)  # `create` does not look at its surroundings


@pytest.fixture
def wire() -> Generator[Wire]:
    with Wire().running() as running:
        yield running


def settings(wire: Wire, **more: Any) -> QdrantSettings:
    given: dict[str, Any] = {"url": wire.url, "api_key": Secret(KEY), "timeout": 10.0}
    return QdrantSettings(**(given | more))


@asynccontextmanager
async def opened(wire: Wire, **more: Any) -> AsyncGenerator[VectorStore]:
    async with create(settings(wire, **more), NO_CONTEXT) as store:
        yield store


async def test_every_request_carries_the_key_and_writes_wait(wire: Wire) -> None:
    """One upsert is one request, so that it is all or none."""
    async with opened(wire, exact=True) as store:
        assert list(await store.collections()) == ["a", "b"]
        records = [VectorRecord(id=f"{n}", vector=(3, 4)) for n in range(1000)]
        await store.upsert("c", records)
        await store.search("c", (0, 2), limit=5, where=Equals("kind", "a"))
        wire.answers["/points/delete"] = Answer({"operation_id": 2, "status": "completed"})
        assert await store.delete("c", where=Compare("n", ">", 1)) == 3
    assert all(request.headers["api-key"] == KEY for request in wire.requests)
    [upsert] = [request for request in wire.requests if request.method == "PUT"]
    assert upsert.path == "/collections/c/points?wait=true"
    assert len(upsert.body["points"]) == 1000
    assert upsert.body["points"][0]["vector"] == [0.6, 0.8]
    [query] = [request for request in wire.requests if "query" in request.path]
    assert query.body["query"] == {"nearest": [0.0, 1.0]}
    assert (query.body["limit"], query.body["params"]["exact"]) == (6, True)
    assert query.body["filter"]["must"][0]["match"] == {"any": ['["kind", "a"]']}
    [delete] = [request for request in wire.requests if "delete" in request.path]
    assert delete.path == "/collections/c/points/delete?wait=true"
    # The dimension was asked for once.
    assert len([request for request in wire.requests if request.path.endswith("exists")]) == 1


async def test_names_are_quoted_and_a_prefix_is_kept(wire: Wire) -> None:
    wire.answers["/a%2F..%2Fb"] = Answer(COLLECTION)
    async with create(QdrantSettings(url=f"{wire.url}/behind/a/proxy"), NO_CONTEXT) as store:
        assert await store.count("a/../b") == 3
        for name in ("", ".", ".."):
            with pytest.raises(VectorStoreError, match="is no name for a collection"):
                await store.count(name)
    paths = [request.path for request in wire.requests]
    assert paths == [
        "/behind/a/proxy/collections",
        "/behind/a/proxy/collections/a%2F..%2Fb/exists",
        "/behind/a/proxy/collections/a%2F..%2Fb",
        "/behind/a/proxy/collections/a%2F..%2Fb/points/count",
    ]
    assert all("api-key" not in request.headers for request in wire.requests)


async def test_numbers_get_an_index_each_once_and_not_without_end(wire: Wire) -> None:
    """Without it a server reads every payload to compare; with one for each of 1000, it suffers."""
    async with opened(wire) as store:
        for _ in range(2):
            for keys in (["n"], ["n", "m"], [f"key {number}" for number in range(100)]):
                metadata: dict[str, Any] = dict.fromkeys(keys, 1) | {"text": "x", "truth": True}
                await store.upsert("c", [VectorRecord(id="1", vector=(1, 0), metadata=metadata)])
    indexes = [request.body for request in wire.requests if "/index" in request.path]
    assert indexes[:2] == [
        {"field_name": "numbers.k6e.high", "field_schema": "integer"},
        {"field_name": "numbers.k6d.high", "field_schema": "integer"},
    ]
    assert len(indexes) == len({index["field_name"] for index in indexes}) == 64


FAILURES: list[tuple[Answer, str, str | None]] = [
    (
        Answer(status=401, body=f"Must provide an API key, not {KEY}".encode()),
        "answered 401: Must provide an API key, not …",
        "check `api_key`, and that it may do this",
    ),
    (
        Answer(status=403, body=b'{"status":{"error":"Forbidden: read only"},"time":0}'),
        "answered 403: Forbidden: read only",
        "check `api_key`, and that it may do this",
    ),
    (
        Answer(status=404, body=b'{"status":{"error":"Not found: Collection"},"time":0}'),
        "answered 404: Not found: Collection",
        "check the address, and that nobody dropped the collection",
    ),
    (
        Answer(status=413, body=b"Payload too large"),
        "answered 413: Payload too large",
        "upsert fewer records at a time",
    ),
    (
        Answer(
            status=429,
            body=b'{"status":{"error":"Rate limit"},"time":0}',
            headers={"Retry-After": "3"},
        ),
        "answered 429: Rate limit",
        "the server is busy: try again later",
    ),
    (Answer(status=500, body=b"x" * 900), f"answered 500: {'x' * 500}…", None),
]


@pytest.mark.parametrize(
    ("answer", "reason", "hint"), FAILURES, ids=[str(answer.status) for answer, _, _ in FAILURES]
)
async def test_a_refusal_is_passed_on_in_the_servers_words(
    wire: Wire, answer: Answer, reason: str, hint: str | None
) -> None:
    async with opened(wire) as store:
        wire.answers["/points/count"] = answer
        with pytest.raises(VectorStoreError) as raised:
            await store.count("c")
        wire.answers["/points/count"] = Answer({"count": 2})
        assert await store.count("c") == 2  # it goes on
    assert raised.value.message == f"Qdrant at {wire.url}, collection `c`: {reason}"
    assert raised.value.hint == hint
    assert KEY not in str(raised.value)


async def test_a_wrong_key_shows_when_the_store_is_opened(wire: Wire) -> None:
    wire.answers["/collections"] = Answer(status=401, body=b"Invalid API key")
    with pytest.raises(VectorStoreError) as raised:
        async with opened(wire):
            pass
    assert raised.value.message == f"Qdrant at {wire.url}: answered 401: Invalid API key"


async def test_a_server_that_is_not_there(wire: Wire) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers, nobody else may
        port = taken.getsockname()[1]
        with pytest.raises(VectorStoreError) as raised:
            async with create(QdrantSettings(host="127.0.0.1", port=port), NO_CONTEXT):
                pass
    assert raised.value.message == (
        f"Qdrant at http://127.0.0.1:{port}: cannot be reached: All connection attempts failed"
    )
    assert raised.value.hint == "check the address, and that the server is up"


async def test_a_server_that_is_not_qdrant(wire: Wire) -> None:
    wire.answers["/collections"] = Answer(body=b"<html>hello</html>")
    with pytest.raises(VectorStoreError) as raised:
        async with opened(wire):
            pass
    assert raised.value.message.startswith(f"Qdrant at {wire.url}: the answer is not Qdrant's: ")
    assert raised.value.hint == "check that the address is that of Qdrant's REST API"


async def test_a_silent_server_is_given_the_timeout(wire: Wire) -> None:
    """To the fraction of a second, though the client itself counts whole ones."""
    wire.is_silent = True
    with pytest.raises(VectorStoreError) as raised:
        async with opened(wire, timeout=0.2):
            pytest.fail("it opened")
    assert raised.value.message == f"Qdrant at {wire.url}: no answer within 0.2 s"
    assert raised.value.hint == "raise `timeout` if the server is only slow"


@pytest.mark.parametrize(
    "vectors",
    [{"size": 2, "distance": "Dot"}, {"named": {"size": 2, "distance": "Cosine"}}],
    ids=["another distance", "named vectors"],
)
async def test_a_collection_of_someone_else_is_refused(wire: Wire, vectors: Any) -> None:
    foreign = json.loads(json.dumps(COLLECTION))
    foreign["config"]["params"]["vectors"] = vectors
    wire.answers["/collections/c"] = Answer(foreign)
    async with opened(wire) as store:
        with pytest.raises(VectorStoreError) as raised:
            await store.upsert("c", [VectorRecord(id="1", vector=(1, 0))])
    assert raised.value.message == (
        "collection `c` was not made by Hector: "
        "it does not hold one unnamed vector per point with cosine distance"
    )


async def test_points_of_someone_else_are_refused(wire: Wire) -> None:
    point = {"id": 1, "version": 1, "score": 0.5, "payload": {"title": "foreign"}}
    wire.answers["/points/query"] = Answer({"points": [point]})
    async with opened(wire) as store:
        with pytest.raises(VectorStoreError) as raised:
            await store.search("c", (1, 0))
    assert raised.value.message == "the collection holds points that Hector did not write"
    assert raised.value.hint == "give Hector a collection of its own"


class Refusing(grpc.GenericRpcHandler):
    """A gRPC server that refuses every call, and remembers what came with it."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code
        self.metadata: dict[str, Any] = {}

    def service(self, handler_call_details: Any) -> Any:
        self.metadata = dict(handler_call_details.invocation_metadata)

        async def refuse(_request: bytes, context: Any) -> None:
            await context.abort(self.code, "no, said the server")

        return cast("Any", grpc).unary_unary_rpc_method_handler(refuse)


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [
        (
            grpc.StatusCode.UNAUTHENTICATED,
            "answered 401: UNAUTHENTICATED: no, said the server",
            "check `api_key`, and that it may do this",
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "cannot be reached: no, said the server",
            "check the address, and that the server is up",
        ),
        (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "no answer within 10 s",
            "raise `timeout` if the server is only slow",
        ),
        (grpc.StatusCode.INTERNAL, "refused: INTERNAL: no, said the server", None),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else "",
)
async def test_grpc_fails_in_the_same_words(
    wire: Wire, code: grpc.StatusCode, reason: str, hint: str | None
) -> None:
    """And carries the key."""
    handler = Refusing(code)
    server = grpc.aio.server(handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        with pytest.raises(VectorStoreError) as raised:
            async with opened(wire, prefer_grpc=True, grpc_port=port):
                pass
    finally:
        await server.stop(None)
    assert raised.value.message == f"Qdrant at {wire.url}: {reason}"
    assert raised.value.hint == hint
    assert handler.metadata["api-key"] == KEY
    assert wire.requests == []
