"""From what Anthropic's API and its SDK report to Hector's errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import anthropic
import httpx2

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
from hector.spi import ConnectionFailures, ProviderFailure, Redaction, ReplyShape, llm_error
from hector_plugin_anthropic.client import ANTHROPIC_URL
from hector_plugin_anthropic.reply import PROVIDER
from hector_plugin_anthropic.settings import LLMSettings

__all__ = ["ReportedError", "shape_of", "translated"]

ReportedError: TypeAlias = anthropic.AnthropicError | httpx2.HTTPError
"""What a call may end with: the SDK leaves what happens inside of a stream to its HTTP client."""

_KINDS: Mapping[str, type[LLMError]] = {
    "api_error": LLMUnavailableError,
    "authentication_error": LLMAuthenticationError,
    "invalid_request_error": LLMInvalidRequestError,
    "not_found_error": LLMInvalidRequestError,
    "overloaded_error": LLMOverloadedError,
    "permission_error": LLMAuthenticationError,
    "rate_limit_error": LLMRateLimitError,
    "request_too_large": LLMContextOverflowError,
    "timeout_error": LLMTimeoutError,
}
# The API gives these no type of their own.
_OVERFLOW = re.compile(r"prompt is too long|exceed(s|ed)? (the )?context (limit|window)")
_BLOCKED = re.compile(r"blocked by (our )?content filter|content filtering policy")


def translated(
    error: ReportedError, settings: LLMSettings, redaction: Redaction, *, has_begun: bool = False
) -> LLMError:
    """Say `error` in Hector's words.

    Args:
        error: secrets in it are blotted out in place, as it will be chained and printed too.
        settings: where the call went.
        redaction: of the component.
        has_begun: whether part of the reply had come.
    """
    redaction.error(error)
    if isinstance(error, anthropic.APIConnectionError | httpx2.HTTPError):
        return _unreachable(error, settings, redaction, has_begun=has_begun)
    if not isinstance(error, anthropic.APIStatusError):
        return LLMError(f"{PROVIDER}: {error}", provider=PROVIDER, model=settings.model)
    # An error inside of a stream comes with the status of the reply, which says nothing.
    status = error.status_code if error.status_code >= 400 else None
    failure = ProviderFailure(
        provider=PROVIDER,
        model=settings.model,
        text=redaction.text(error.api_message or str(error)),
        status=status,
        code=error.error_code or error.type,
        request_id=error.request_id,
        headers=error.response.headers if status else {},
    )
    return _kind_of(failure, error.type or "")


def _kind_of(failure: ProviderFailure, type_: str) -> LLMError:
    text = failure.text.lower()
    if type_ == "billing_error" or failure.status == 402:
        hint = "the account cannot pay for this: check its plan and billing"
        return llm_error(failure, kind=LLMRateLimitError, is_retryable=False, hint=hint)
    if type_ == "invalid_request_error" and _OVERFLOW.search(text):
        return llm_error(failure, kind=LLMContextOverflowError)
    if type_ == "invalid_request_error" and _BLOCKED.search(text):
        return llm_error(failure, kind=LLMContentBlockedError, category="content_filter")
    if type_ == "not_found_error":
        hint = "check `model` and `base_url`"
        return llm_error(failure, kind=LLMInvalidRequestError, hint=hint)
    return llm_error(failure, kind=_KINDS.get(type_))


def _unreachable(
    error: ReportedError, settings: LLMSettings, redaction: Redaction, *, has_begun: bool
) -> LLMError:
    failures = ConnectionFailures(
        provider=PROVIDER,
        model=settings.model,
        address=settings.base_url or ANTHROPIC_URL,
        redaction=redaction,
    )
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        return failures.silent(settings.timeout, has_begun=has_begun)
    return failures.broken(error.__cause__ or error, has_begun=has_begun)


def shape_of(settings: LLMSettings) -> ReplyShape:
    """What the replies to a component are expected to be."""
    return ReplyShape(provider=PROVIDER, model=settings.model, api="Anthropic's API")
