"""What OpenAI's APIs have in common, from the provider's side: refusals, headers, files, streams."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hector.spi import LLMResponse
from hector.testing.wire_protocol import WireFault, WireShapeError
from hector.testing.wire_server import WireReply

__all__ = [
    "FAULT_CODES",
    "check",
    "data_url_content",
    "halves",
    "head_of",
    "inner",
    "json_object",
    "refusal",
]

FAULT_CODES: Mapping[WireFault, tuple[int, str]] = {
    "authentication": (401, "invalid_api_key"),
    "rate_limit": (429, "rate_limit_exceeded"),
    "overloaded": (503, "server_overloaded"),
    "context_overflow": (400, "context_length_exceeded"),
    "content_blocked": (400, "invalid_prompt"),
    "invalid_request": (400, "invalid_value"),
    "unavailable": (500, "server_error"),
}


def check(condition: object, reason: str) -> None:
    """Raise `WireShapeError` unless `condition`."""
    if not condition:
        raise WireShapeError(reason)


def inner(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object below `key`; empty where there is none."""
    return body.get(key) or {}


def refusal(fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
    """A request refused as OpenAI does it."""
    status, code = FAULT_CODES[fault]
    error = {"message": text, "type": f"{fault}_error", "param": None, "code": code}
    return WireReply.of_json({"error": error}, status=status, headers=headers)


def head_of(response: LLMResponse, content_type: str) -> dict[str, str]:
    """Headers of an answer."""
    metadata = response.metadata
    return {
        "content-type": content_type,
        **({"x-request-id": metadata.request_id} if metadata.request_id else {}),
        **metadata.headers,
    }


def data_url_content(url: object) -> bytes:
    """The content of a `data:` URL in Base64."""
    check(isinstance(url, str) and url.startswith("data:"), f"no data URL: {url!r}")
    _, marker, content = str(url).partition(";base64,")
    check(marker, f"a data URL without Base64: {url!r}")
    return base64.b64decode(content, validate=True)


def json_object(text: object) -> dict[str, Any]:
    """Arguments as they travel: a string that holds a JSON object."""
    check(isinstance(text, str), f"arguments are no string: {text!r}")
    value: Any = json.loads(str(text))
    check(isinstance(value, dict), f"arguments are no object: {text!r}")
    return dict(value)


def halves(text: str) -> Iterator[str]:
    """The text in two pieces, or one where there is only one character."""
    middle = (len(text) + 1) // 2
    yield text[:middle]
    if text[middle:]:
        yield text[middle:]
