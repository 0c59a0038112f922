"""A JSON-RPC 2.0 request, as A2A 1.0 sends it."""

from __future__ import annotations

from typing import TypeAlias, cast

import attrs

from hector.message import JSONValue
from hector_server.wire.errors import (
    InvalidRequestError,
    ParseError,
    VersionNotSupportedError,
)
from hector_server.wire.json_text import JSONTextError, read_json, write_json

__all__ = ["Request", "RequestId", "check_version", "error_reply", "read_request", "result_reply"]

RequestId: TypeAlias = str | int | float | None

VERSION = "1.0"


@attrs.frozen
class Request:
    """A call.

    Attributes:
        id: what the response must carry.
        method: such as `SendMessage`.
        params: not yet checked; absent ones are an empty object.
    """

    id: RequestId
    method: str
    params: JSONValue


def read_request(body: bytes) -> Request:
    """Read a request from an HTTP body.

    Raises:
        ParseError: it is no JSON.
        InvalidRequestError: it is no JSON-RPC 2.0 call; batches and calls without id are none to
            A2A. The error's `request_id` is what could be found.
    """
    try:
        value = read_json(body)
    except JSONTextError as error:
        raise ParseError(f"the body is no JSON: {error}") from error
    if isinstance(value, list):
        raise InvalidRequestError("batches are not supported: send one request object")
    if not isinstance(value, dict):
        raise InvalidRequestError("the body must be a JSON-RPC request object")
    members = cast("dict[str, JSONValue]", value)
    request_id = members.get("id")
    if "id" not in members or not _is_id(request_id):
        raise InvalidRequestError("id must be a string or a number")
    found = cast("RequestId", request_id)
    if members.get("jsonrpc") != "2.0":
        raise InvalidRequestError('jsonrpc must be "2.0"', request_id=found)
    method = members.get("method")
    if not isinstance(method, str) or not method:
        raise InvalidRequestError("method must be a string", request_id=found)
    params = members.get("params")
    return Request(found, method, {} if params is None else params)


def check_version(version: str) -> None:
    """Refuse all but A2A 1.0; nothing means 0.3 (section 3.6.2), a patch number does not matter.

    Raises:
        VersionNotSupportedError: the client speaks something else.
    """
    if ".".join(version.split(".")[:2]) == VERSION:
        return
    spoken = f"`{version[:32]}`" if version else "no version, which means 0.3"
    raise VersionNotSupportedError(
        f"this agent speaks A2A {VERSION} and the request names {spoken}: "
        f"add the header `A2A-Version: {VERSION}`",
        metadata={"supported": VERSION},
    )


def result_reply(request_id: RequestId, result: bytes) -> bytes:
    """A successful response around JSON that is written already."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (write_json(request_id), result)


def error_reply(request_id: RequestId, error: JSONValue) -> bytes:
    """A response that says what went wrong."""
    return write_json({"jsonrpc": "2.0", "id": request_id, "error": error})


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
