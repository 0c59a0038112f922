"""From what OpenAI's API and its SDK report to Hector's errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import cast
from urllib.parse import urlsplit

import openai

from hector.errors import (
    LLMAuthenticationError,
    LLMContextOverflowError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMUnavailableError,
)
from hector_plugin_openai.settings import ConnectionSettings
from hector_plugin_openai.wire import PROVIDER, ReportedError

__all__ = ["translated", "without_secrets"]

_MAXIMUM_TEXT = 500
_KEY_PATTERN = re.compile(r"\bsk-[\w*-]+")  # OpenAI repeats the ends of a wrong key
_OVERFLOW_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_OVERFLOW_WORDS = re.compile(r"maximum context length|context (window|size|length) (of|is|exceed)")
_BUSY_STATUS = {429, 503, 529}
_BUSY_CODES = {"rate_limit_exceeded", "server_overloaded", "slow_down"}


def translated(
    error: openai.OpenAIError | ReportedError,
    settings: ConnectionSettings,
    *,
    has_begun: bool = False,
) -> LLMError:
    """Say `error` in Hector's words.

    Args:
        error: secrets in it are blotted out in place, as it will be chained and printed too.
        settings: where the call went, and the secrets not to repeat.
        has_begun: whether part of the reply had come.
    """
    error.args = tuple(without_secrets(str(item), settings) for item in error.args)
    if isinstance(error, ReportedError):
        return _reported(without_secrets(error.message, settings), code=error.code)
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error, settings, has_begun=has_begun)
    text = without_secrets(_text(error), settings)
    if isinstance(error, openai.APIStatusError):
        return _refused(error, text)
    if isinstance(error, openai.APIError):
        return _reported(text, code=error.code or error.type)
    return LLMError(f"{PROVIDER}: {text}", provider=PROVIDER)


def without_secrets(text: str, settings: ConnectionSettings) -> str:
    """Shorten `text`, and blot out the key and whatever looks like one."""
    for secret in (settings.api_key, *settings.headers.values()):
        if secret is not None and len(secret.reveal()) >= 8:  # shorter ones are no secrets
            text = text.replace(secret.reveal(), "…")
    text = _KEY_PATTERN.sub("…", text)
    return text if len(text) <= _MAXIMUM_TEXT else f"{text[:_MAXIMUM_TEXT]}…"


def _text(error: openai.OpenAIError) -> str:
    """Give what the server says, without the SDK's wrapping."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping):
        message = cast("Mapping[str, object]", body).get("message")
        if isinstance(message, str) and message:
            return message
    return str(error)


def _unreachable(
    error: openai.APIConnectionError, settings: ConnectionSettings, *, has_begun: bool
) -> LLMError:
    server = _server(settings)
    if isinstance(error, openai.APITimeoutError):
        when = "in the middle of a reply" if has_begun else "after a request"
        return LLMUnavailableError(
            f"{server} was silent for {settings.timeout:g} s {when}",
            provider=PROVIDER,
            is_retryable=True,
            hint="raise `timeout` if the server is only slow",
        )
    cause = error.__cause__
    reason = without_secrets(str(cause) or type(cause).__name__, settings)
    if has_begun:
        return LLMResponseError(
            f"the reply from {server} was cut off: {reason}", provider=PROVIDER, is_retryable=True
        )
    return LLMUnavailableError(
        f"cannot reach {server}: {reason}",
        provider=PROVIDER,
        is_retryable=True,
        hint="check `base_url` and that the server is up",
    )


def _server(settings: ConnectionSettings) -> str:
    """Give the address without the user, password and path it may hold."""
    address = urlsplit(settings.base_url or "https://api.openai.com")
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.hostname}{port}"


def _refused(error: openai.APIStatusError, text: str) -> LLMError:
    status, code = error.status_code, error.code or error.type
    details = [f"code {code}"] if code else []
    details += [f"request {error.request_id}"] if error.request_id else []
    message = f"{PROVIDER} answered {status}: {text}"
    message += f" ({', '.join(details)})" if details else ""
    if status in {401, 403}:
        hint = "check `api_key`, and that it may use this model"
        return LLMAuthenticationError(message, provider=PROVIDER, status=status, hint=hint)
    if code == "insufficient_quota":
        hint = "the account's quota is used up: check its plan and billing"
        return LLMError(message, provider=PROVIDER, status=status, hint=hint)
    if status in _BUSY_STATUS:
        wait = _retry_after_s(error.response.headers)
        return LLMRateLimitError(message, provider=PROVIDER, status=status, retry_after_s=wait)
    if _is_overflow({error.code, error.type}, text):
        return LLMContextOverflowError(message, provider=PROVIDER, status=status)
    is_retryable = status in {408, 409} or status >= 500
    return LLMError(
        message,
        provider=PROVIDER,
        status=status,
        is_retryable=is_retryable,
        hint="check `model` and `base_url`" if status == 404 else None,
    )


def _reported(text: str, *, code: str | None) -> LLMError:
    """Make the error for a failure reported inside a reply, where there is no status."""
    message = f"{PROVIDER} broke off its reply: {text}" + (f" (code {code})" if code else "")
    if code in _BUSY_CODES:
        return LLMRateLimitError(message, provider=PROVIDER)
    if _is_overflow({code}, text):
        return LLMContextOverflowError(message, provider=PROVIDER)
    return LLMError(message, provider=PROVIDER, is_retryable=code in {None, "server_error"})


def _is_overflow(codes: set[str | None], text: str) -> bool:
    return bool(codes & _OVERFLOW_CODES) or bool(_OVERFLOW_WORDS.search(text.lower()))


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read `retry-after-ms`, or `Retry-After` as seconds or as a date (RFC 9110, 10.2.3)."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (value := headers.get("retry-after")) is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
