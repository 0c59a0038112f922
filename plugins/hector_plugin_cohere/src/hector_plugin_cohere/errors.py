"""From what Cohere's API and its SDK report to Hector's errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import httpx
from cohere.core.api_error import ApiError

from hector.errors import (
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMError,
    LLMInvalidRequestError,
    LLMRateLimitError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from hector.spi import (
    ConnectionFailures,
    ProviderFailure,
    Redaction,
    ReplyShape,
    first_header,
    llm_error,
)
from hector_plugin_cohere.client import address_of
from hector_plugin_cohere.settings import EmbedderSettings, LLMSettings
from hector_plugin_cohere.wire import PROVIDER, ReportedError

__all__ = ["CallError", "Settings", "request_id_of", "shape_of", "translated"]

Settings: TypeAlias = LLMSettings | EmbedderSettings

CallError: TypeAlias = ApiError | httpx.HTTPError | ReportedError
"""What a call may end with: the SDK leaves what happens to a connection to its HTTP client."""

# The API gives these no status of their own.
_BLOCKED = re.compile(
    r"\b(input|output|prompt|response)s? (was |is |were |are )?blocked|\bblocked (in|out)put"
)
_USED_UP = re.compile(r"api calls? ?/ ?month|monthly")
_REQUEST_ID_HEADERS = ("x-debug-trace-id", "x-request-id")


def request_id_of(headers: Mapping[str, str]) -> str:
    """The name of a request, from the headers of its reply; empty where there is none."""
    return first_header(headers, _REQUEST_ID_HEADERS)


def translated(
    error: CallError,
    settings: Settings,
    redaction: Redaction,
    *,
    has_begun: bool = False,
    headers: Mapping[str, str] | None = None,
) -> LLMError:
    """Say `error` in Hector's words.

    Args:
        error: secrets in it are blotted out in place, as it will be chained and printed too.
        settings: where the call went.
        redaction: of the component.
        has_begun: whether part of the reply had come.
        headers: of a reply that had begun.
    """
    redaction.error(error)
    if isinstance(error, httpx.HTTPError):
        return _unreachable(error, settings, redaction, has_begun=has_begun)
    if isinstance(error, ReportedError):
        failure = _failure(error.message, settings, redaction, code=error.reason, headers=headers)
        kind = LLMTimeoutError if error.reason == "TIMEOUT" else LLMUnavailableError
        return llm_error(failure, kind=kind)
    text, received = _sentence(error), dict(error.headers or {})
    # These are printed with the error.
    error.body, error.headers = redaction.text(text), None
    failure = _failure(text, settings, redaction, status=error.status_code, headers=received)
    return _kind_of(failure)


def _sentence(error: ApiError) -> str:
    """What the server says: JSON with a message, or whatever a gateway makes of it."""
    body: Any = error.body
    if isinstance(body, dict):
        told = cast("dict[str, object]", body)
        return str(told.get("message") or told.get("error") or told)
    return str(body or "no reason given")


def _failure(
    text: str,
    settings: Settings,
    redaction: Redaction,
    *,
    status: int | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProviderFailure:
    return ProviderFailure.reported(
        text,
        provider=PROVIDER,
        model=settings.model,
        redaction=redaction,
        status=status,
        code=code,
        headers=headers,
        id_headers=_REQUEST_ID_HEADERS,
    )


def _kind_of(failure: ProviderFailure) -> LLMError:
    text = failure.text.lower()
    if failure.status == 402:
        hint = "the account cannot pay for this: check its plan and billing"
        return llm_error(failure, kind=LLMRateLimitError, is_retryable=False, hint=hint)
    if failure.status == 429 and _USED_UP.search(text):
        hint = "the calls of the month are used up: use a production key"
        return llm_error(failure, kind=LLMRateLimitError, is_retryable=False, hint=hint)
    if failure.status == 498:  # the word of this API for a token that is none
        return llm_error(failure, kind=LLMAuthenticationError)
    if failure.status in {400, 422} and _BLOCKED.search(text):
        return llm_error(failure, kind=LLMContentBlockedError, category="moderation")
    if failure.status == 404:
        hint = "check `model` and `base_url`"
        return llm_error(failure, kind=LLMInvalidRequestError, hint=hint)
    return llm_error(failure)


def _unreachable(
    error: httpx.HTTPError, settings: Settings, redaction: Redaction, *, has_begun: bool
) -> LLMError:
    failures = ConnectionFailures(
        provider=PROVIDER,
        model=settings.model,
        address=address_of(settings),
        redaction=redaction,
    )
    if isinstance(error, httpx.TimeoutException):
        return failures.silent(settings.timeout, has_begun=has_begun)
    return failures.broken(error, has_begun=has_begun)


def shape_of(settings: Settings) -> ReplyShape:
    """What the replies to a component are expected to be."""
    return ReplyShape(provider=PROVIDER, model=settings.model, api="Cohere's API")
