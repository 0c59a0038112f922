"""Server-sent events straight to ASGI: StreamingResponse costs two thirds of the throughput."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from hector_server.a2a import TaskStream
from hector_server.wire.errors import InternalError
from hector_server.wire.json_text import write_json
from hector_server.wire.request import RequestId, error_reply

__all__ = ["EventStream"]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # tells nginx and its like to pass each event on at once
    (b"x-content-type-options", b"nosniff"),
]


def _id(mark: bytes) -> bytes:
    return b"id: %b\n" % mark if mark else b""


class EventStream:
    """An ASGI response: one JSON-RPC response per update (A2A 1.0 section 9.4.2).

    The id of an event says what a client has that read up to it; it may go on from there.
    All updates that are waiting go out in one write. A client that closes the connection ends the
    stream, never the task. A client that lags too far behind gets an error as its last event and
    may subscribe again.
    """

    def __init__(self, stream: TaskStream, request_id: RequestId, *, keep_alive_s: float) -> None:
        self._stream = stream
        self._subscription = stream.subscription
        self._request_id = request_id
        self._head = b'data: {"jsonrpc":"2.0","id":%b,"result":' % write_json(request_id)
        self._keep_alive_s = keep_alive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the task settles or the client goes away."""
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch(receive))
                await self._write(send)
                watcher.cancel()
        finally:
            self._stream.close()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        head = self._head
        while (updates := await self._subscription.read(self._keep_alive_s)) is not None:
            body = b"".join([_id(mark) + b"%b%b}\n\n" % (head, item) for mark, item in updates])
            body = body or b": alive\n\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})
        last = b"data: %b\n\n" % self._dropped() if self._subscription.was_dropped else b""
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def _dropped(self) -> bytes:
        error = InternalError(
            "the client reads too slowly and was dropped; the task goes on: use SubscribeToTask",
            metadata={"taskId": self._stream.task.id},
        )
        return error_reply(self._request_id, error.to_json())

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscription.close()
