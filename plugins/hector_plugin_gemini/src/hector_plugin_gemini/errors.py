"""From what Google's API and its SDK report to Hector's errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import httpx2
from google.genai.errors import APIError

from hector.errors import (
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
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
from hector_plugin_gemini.client import address_of
from hector_plugin_gemini.settings import EmbedderSettings, LLMSettings
from hector_plugin_gemini.wire import PROVIDER, BlockedPromptError, Body, ReportedError

__all__ = ["CallError", "Settings", "request_id_of", "shape_of", "translated"]

Settings: TypeAlias = LLMSettings | EmbedderSettings

CallError: TypeAlias = APIError | httpx2.HTTPError | ReportedError | BlockedPromptError
"""What a call may end with: the SDK leaves what happens to a connection to its HTTP client."""

_KINDS: Mapping[str, type[LLMError]] = {
    "UNAUTHENTICATED": LLMAuthenticationError,
    "PERMISSION_DENIED": LLMAuthenticationError,
    "NOT_FOUND": LLMInvalidRequestError,
    "RESOURCE_EXHAUSTED": LLMRateLimitError,
    "UNAVAILABLE": LLMOverloadedError,
    "INTERNAL": LLMUnavailableError,
    "UNKNOWN": LLMUnavailableError,
    "ABORTED": LLMUnavailableError,
    "DEADLINE_EXCEEDED": LLMTimeoutError,
    "INVALID_ARGUMENT": LLMInvalidRequestError,
    "FAILED_PRECONDITION": LLMInvalidRequestError,
    "OUT_OF_RANGE": LLMInvalidRequestError,
}
_OVERFLOW = re.compile(r"token count .*exceeds|exceeds the maximum number of tokens")
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")
# Google names none itself; gateways do.
_REQUEST_ID_HEADERS = ("x-request-id", "x-goog-request-id", "x-cloud-trace-context")


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
    if isinstance(error, httpx2.HTTPError):
        return _unreachable(error, settings, redaction, has_begun=has_begun)
    if isinstance(error, BlockedPromptError):
        # The request was answered, with a refusal.
        failure = _failure(str(error), settings, redaction, status=200, headers=headers)
        return llm_error(failure, kind=LLMContentBlockedError, category=error.reason)
    if isinstance(error, ReportedError):
        return _kind_of(error.error, None, headers, settings, redaction)
    reported: Any = error  # its types name clients that are not installed
    received = getattr(reported.response, "headers", None) or headers
    # An error inside of a stream comes under the status of the reply, which says nothing.
    status = None if has_begun else int(error.code or 0) or None
    return _kind_of(_inner(reported), status, received, settings, redaction)


def _inner(reported: Any) -> Body:
    """Google's object in an error of the SDK, which may wrap it or not."""
    told = reported.details
    if isinstance(told, list) and told:  # the API wraps it so when no stream has begun
        told = cast("list[object]", told)[0]
    if isinstance(told, dict):
        told = cast("Body", told)
        told = told.get("error", told)
    found = cast("Body", told) if isinstance(told, dict) else {}
    return {"status": reported.status, "message": reported.message or str(reported), **found}


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


def _kind_of(
    told: Body,
    status: int | None,
    headers: Mapping[str, str] | None,
    settings: Settings,
    redaction: Redaction,
) -> LLMError:
    word, details = str(told.get("status") or ""), list(_details(told))
    text = str(told.get("message") or "no reason given")
    received = {name.lower(): value for name, value in (headers or {}).items()}
    wait = _retry_delay(details)
    if wait is not None and not received.keys() & {"retry-after", "retry-after-ms"}:
        received["retry-after"] = wait
    failure = _failure(
        text, settings, redaction, status=status, code=word or None, headers=received
    )
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return llm_error(failure, kind=LLMAuthenticationError)
    if word == "INVALID_ARGUMENT" and _OVERFLOW.search(text.lower()):
        return llm_error(failure, kind=LLMContextOverflowError)
    if word == "RESOURCE_EXHAUSTED" and _is_used_up(details):
        hint = "the quota of the day is used up: check plan and billing, or use another model"
        return llm_error(failure, kind=LLMRateLimitError, is_retryable=False, hint=hint)
    if word == "NOT_FOUND":
        hint = "check `model`, `api_version` and `base_url`"
        return llm_error(failure, kind=LLMInvalidRequestError, hint=hint)
    return llm_error(failure, kind=_KINDS.get(word))


def _details(told: Body) -> Iterable[Body]:
    details = told.get("details")
    for detail in cast("list[object]", details) if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield cast("Body", detail)


def _retry_delay(details: Iterable[Body]) -> str | None:
    """Seconds until another try is welcome, which Google says in the body, not in a header."""
    for detail in details:
        found = _SECONDS.fullmatch(str(detail.get("retryDelay") or ""))
        if found:
            return found[1]
    return None


def _is_used_up(details: Iterable[Body]) -> bool:
    """Whether a quota of a day is used up: the wait that is told with it will not help."""
    return any(
        "PerDay" in str(violation.get("quotaId", ""))
        for detail in details
        for violation in detail.get("violations") or ()
    )


def _unreachable(
    error: httpx2.HTTPError, settings: Settings, redaction: Redaction, *, has_begun: bool
) -> LLMError:
    failures = ConnectionFailures(
        provider=PROVIDER,
        model=settings.model,
        address=address_of(settings),
        redaction=redaction,
    )
    if isinstance(error, httpx2.TimeoutException):
        return failures.silent(settings.timeout, has_begun=has_begun)
    return failures.broken(error, has_begun=has_begun)


def shape_of(settings: Settings) -> ReplyShape:
    """What the replies to a component are expected to be."""
    return ReplyShape(provider=PROVIDER, model=settings.model, api="Gemini's API")
