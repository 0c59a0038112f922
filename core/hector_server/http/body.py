"""Reading a request's body within bounds."""

from __future__ import annotations

import asyncio

from starlette.types import Receive

__all__ = ["BodyTimeoutError", "BodyTooLargeError", "ClientGoneError", "read_body"]


class BodyTooLargeError(Exception):
    """The body is longer than allowed."""


class BodyTimeoutError(Exception):
    """The body did not arrive in time."""


class ClientGoneError(Exception):
    """The client closed the connection before the body was complete."""


async def read_body(receive: Receive, *, declared: str, limit: int, timeout_s: float) -> bytes:
    """Read all of it.

    Args:
        receive: of the ASGI connection.
        declared: the `Content-Length` header, or empty.
        limit: in bytes.
        timeout_s: for the whole body.

    Raises:
        BodyTooLargeError: it is, or says it is; the rest was not read.
        BodyTimeoutError: it did not arrive in time.
        ClientGoneError: it never will.
    """
    if declared.isdigit() and int(declared[:20]) > limit:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise BodyTooLargeError
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as error:
        raise BodyTimeoutError from error
