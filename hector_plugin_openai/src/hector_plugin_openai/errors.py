"""From what OpenAI's API and its SDK report to Hector's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import openai

from hector.errors import (
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMUnavailableError,
)
from hector.spi import ConnectionFailures, ProviderFailure, Redaction, ReplyShape, llm_error
from hector_plugin_openai.settings import ConnectionSettings
from hector_plugin_openai.wire import PROVIDER, ReportedError

__all__ = ["shape_of", "translated"]

_KINDS: Mapping[str, type[LLMError]] = {
    "context_length_exceeded": LLMContextOverflowError,
    "exceed_context_size_error": LLMContextOverflowError,  # llama.cpp
    "rate_limit_exceeded": LLMRateLimitError,
    "server_overloaded": LLMOverloadedError,
    "slow_down": LLMOverloadedError,
    "server_error": LLMUnavailableError,
    "bio_policy": LLMContentBlockedError,
    "content_filter": LLMContentBlockedError,  # Azure
    "content_policy_violation": LLMContentBlockedError,
    "cyber_policy": LLMContentBlockedError,
    "image_content_policy_violation": LLMContentBlockedError,
    "invalid_prompt": LLMContentBlockedError,
    "misalignment_policy_violation": LLMContentBlockedError,
}
_REQUEST_PREFIXES = ("invalid_", "unsupported_", "image_", "empty_image", "failed_to_download")


def translated(
    error: openai.OpenAIError | ReportedError,
    settings: ConnectionSettings,
    redaction: Redaction,
    *,
    has_begun: bool = False,
) -> LLMError:
    """Say `error` in Hector's words.

    Args:
        error: secrets in it are blotted out in place, as it will be chained and printed too.
        settings: where the call went.
        redaction: of the component.
        has_begun: whether part of the reply had come.
    """
    redaction.error(error)
    model = _model(settings)
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error, settings, redaction, has_begun=has_begun)
    if isinstance(error, ReportedError):
        text, code, status, response = error.message, error.code, None, None
    elif isinstance(error, openai.APIError):
        text, code = _text(error), _word(error.code) or error.type
        response = error.response if isinstance(error, openai.APIStatusError) else None
        status = response.status_code if response is not None else None
    else:
        return LLMError(f"{PROVIDER}: {error}", provider=PROVIDER, model=model)
    headers: Mapping[str, str] = response.headers if response is not None else {}
    failure = ProviderFailure(
        provider=PROVIDER,
        model=model,
        text=redaction.text(text),
        status=status,
        code=code,
        request_id=headers.get("x-request-id"),
        headers=headers,
    )
    return _kind_of(failure, type_=getattr(error, "type", None))


def _model(settings: ConnectionSettings) -> str:
    return str(getattr(settings, "model", ""))


def _word(code: object) -> str | None:
    """Some servers give their status as the code."""
    return code if isinstance(code, str) and not code.isdigit() else None


def _kind_of(failure: ProviderFailure, *, type_: str | None) -> LLMError:
    code = failure.code or ""
    if code == "insufficient_quota":
        hint = "the account's quota is used up: check its plan and billing"
        return llm_error(failure, kind=LLMRateLimitError, is_retryable=False, hint=hint)
    kind = _KINDS.get(code) or _KINDS.get(type_ or "")
    if kind is LLMContentBlockedError:
        return llm_error(failure, kind=kind, category=code)
    if kind is not None and (failure.status is None or kind is LLMContextOverflowError):
        return llm_error(failure, kind=kind)
    if failure.status is None and code.startswith(_REQUEST_PREFIXES):
        return llm_error(failure, kind=LLMInvalidRequestError)
    return llm_error(failure)


def _text(error: openai.APIError) -> str:
    """Give what the server says, without the SDK's wrapping."""
    body = error.body
    if isinstance(body, Mapping):
        message = cast("Mapping[str, object]", body).get("message")
        if isinstance(message, str) and message:
            return message
    return str(error)


def _unreachable(
    error: openai.APIConnectionError,
    settings: ConnectionSettings,
    redaction: Redaction,
    *,
    has_begun: bool,
) -> LLMError:
    failures = ConnectionFailures(
        provider=PROVIDER,
        model=_model(settings),
        address=settings.base_url or "https://api.openai.com",
        redaction=redaction,
    )
    if isinstance(error, openai.APITimeoutError):
        return failures.silent(settings.timeout, has_begun=has_begun)
    return failures.broken(error.__cause__, has_begun=has_begun)


def shape_of(settings: ConnectionSettings) -> ReplyShape:
    """What the replies to a component are expected to be."""
    hint = "check `base_url` and `api`"
    return ReplyShape(provider=PROVIDER, model=_model(settings), api="OpenAI's API", hint=hint)
