"""Small answers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

from hector.message import JSONValue
from hector_server.wire.json_text import write_json

__all__ = ["base_url", "error_page", "json_reply", "not_found", "text_reply"]

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "FAILED_PRECONDITION",
    410: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
"""What `google.rpc.Code` calls an HTTP status."""

NO_SNIFF = {"X-Content-Type-Options": "nosniff"}


def json_reply(
    value: JSONValue, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON document."""
    return Response(
        write_json(value),
        status,
        headers={**NO_SNIFF, **(headers or {})},
        media_type="application/json",
    )


def text_reply(text: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain text."""
    return Response(
        text.encode("utf-8", "replace"),
        status,
        headers={**NO_SNIFF, **(headers or {})},
        media_type="text/plain",
    )


def not_found(message: str) -> Response:
    """404 in JSON, in the shape of A2A's HTTP errors."""
    return error_page(404, message)


def error_page(
    status: int,
    message: str,
    *,
    reason: str = "",
    more: Mapping[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error in JSON, in the shape of A2A's HTTP errors; `reason` and `more` are for programs."""
    error: dict[str, JSONValue] = {
        "code": status,
        "status": STATUS_NAMES[status],
        "message": message,
    }
    if reason:
        error["details"] = [{"reason": reason, "metadata": more or {}}]
    return json_reply(
        {"error": error}, status=status, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def base_url(scope: Scope, public_url: str) -> str:
    """Where the client reaches the server, by `public_url` or the request; no slash at the end."""
    if public_url:
        return public_url.rstrip("/")
    for name, value in scope["headers"]:
        if name == b"host" and value:
            return f"{scope['scheme']}://{value.decode('latin-1')}"
    host, port = scope.get("server") or ("127.0.0.1", None)
    shown = f"[{host}]" if ":" in host else host
    return f"{scope['scheme']}://{shown}" + (f":{port}" if port else "")
