"""Small answers."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Scope

from hector.message import JSONValue
from hector_server.wire.json_text import write_json

__all__ = ["base_url", "json_reply", "not_found", "text_reply"]

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
    return json_reply(
        {"error": {"code": 404, "status": "NOT_FOUND", "message": message}}, status=404
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
