"""From what Qdrant's client reports to Hector's error."""

# mypy: disable-error-code="import-untyped"
# grpc brings no types; pyright has them from typeshed.

from __future__ import annotations

import json
from typing import Any, TypeAlias

import grpc
import grpc.aio
import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from hector.errors import VectorStoreError
from hector_plugin_qdrant.settings import QdrantSettings

__all__ = ["FAILURES", "Failure", "translated"]

Failure: TypeAlias = (
    ApiException | QdrantException | grpc.aio.AioRpcError | json.JSONDecodeError | TimeoutError
)
FAILURES = (
    ApiException,
    QdrantException,
    grpc.aio.AioRpcError,
    json.JSONDecodeError,
    TimeoutError,
)

_MAXIMUM_TEXT = 500
# The words of gRPC for what HTTP says in numbers.
_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
}


def translated(error: Failure, settings: QdrantSettings, collection: str = "") -> VectorStoreError:
    """Say `error` in Hector's words.

    Args:
        error: what the client raised.
        settings: where the call went, and the secret not to repeat.
        collection: what it was about; empty if about none.
    """
    where = f"Qdrant at {settings.server}"
    if collection:
        where += f", collection `{collection}`"
    if _is_timeout(error):
        return VectorStoreError(
            f"{where}: no answer within {settings.timeout_s:g} s",
            hint="raise `timeout` if the server is only slow",
        )
    if isinstance(error, UnexpectedResponse):
        return _refused(where, error.status_code, _text(error.content), settings)
    if isinstance(error, ResourceExhaustedResponse):
        return _refused(where, 429, error.message, settings)
    if isinstance(error, grpc.aio.AioRpcError):
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return _unreachable(where, error.details() or "", settings)
        status = _STATUS.get(error.code())
        return _refused(where, status, f"{error.code().name}: {error.details()}", settings)
    source = error.source if isinstance(error, ResponseHandlingException) else error
    if isinstance(source, httpx.TransportError):
        return _unreachable(where, str(source), settings)
    return VectorStoreError(
        f"{where}: the answer is not Qdrant's: {_shown(str(source), settings)}",
        hint="check that the address is that of Qdrant's REST API",
    )


def _is_timeout(error: Failure) -> bool:
    if isinstance(error, ResponseHandlingException):
        source = error.source
        return isinstance(source, httpx.TimeoutException)
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    return isinstance(error, TimeoutError)


def _unreachable(where: str, reason: str, settings: QdrantSettings) -> VectorStoreError:
    return VectorStoreError(
        f"{where}: cannot be reached: {_shown(reason, settings) or 'the connection broke'}",
        hint="check the address, and that the server is up",
    )


def _refused(
    where: str, status: int | None, text: str, settings: QdrantSettings
) -> VectorStoreError:
    hint = None
    if status in {401, 403}:
        hint = "check `api_key`, and that it may do this"
    elif status == 404:
        hint = "check the address, and that nobody dropped the collection"
    elif status == 413:
        hint = "upsert fewer records at a time"
    elif status in {429, 503}:
        hint = "the server is busy: try again later"
    answered = "refused" if status is None else f"answered {status}"
    return VectorStoreError(f"{where}: {answered}: {_shown(text, settings)}", hint=hint)


def _text(content: bytes) -> str:
    """Give the server's own words: `{"status": {"error": "…"}}`, or the body if it is none."""
    try:
        answer: Any = json.loads(content)
        return str(answer["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()


def _shown(text: str, settings: QdrantSettings) -> str:
    """Shorten `text`, and blot out the key."""
    if settings.api_key:
        text = text.replace(settings.api_key.reveal(), "…")
    return text if len(text) <= _MAXIMUM_TEXT else f"{text[:_MAXIMUM_TEXT]}…"
