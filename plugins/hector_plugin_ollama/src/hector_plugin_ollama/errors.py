"""From what an Ollama server reports to Hector's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

import httpx

from hector.errors import (
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
)
from hector.spi import ConnectionFailures, ProviderFailure, Redaction, ReplyShape, llm_error
from hector_plugin_ollama.reply import PROVIDER, BrokenOffError
from hector_plugin_ollama.settings import ConnectionSettings

__all__ = ["broken_off", "refused", "shape_of", "unreachable"]

# Inside of a reply there is no status, only a sentence.
_SENTENCES: Sequence[tuple[re.Pattern[str], type[LLMError]]] = (
    (re.compile(r"too many (concurrent )?requests|rate limit|usage limit"), LLMRateLimitError),
    (re.compile(r"server (is )?(busy|overloaded)|maximum pending requests"), LLMOverloadedError),
)
_OVERFLOW = re.compile(r"exceeds the (available )?context (size|length)")
_NO_MODEL = re.compile(r"model .*not found|no such model|try pulling it")


def refused(
    response: httpx.Response, settings: ConnectionSettings, redaction: Redaction
) -> LLMError:
    """The error for a reply whose status says that the request failed; its body was read."""
    failure = _failure(
        _sentence(response), settings, redaction, status=response.status_code, response=response
    )
    if _OVERFLOW.search(failure.text.lower()):
        hint = "raise `num_ctx`, or begin a new session"
        return llm_error(failure, kind=LLMContextOverflowError, hint=hint)
    if response.status_code == 404 and _NO_MODEL.search(failure.text):
        hint = f"run `ollama pull {settings.model}`"
        return llm_error(failure, kind=LLMInvalidRequestError, hint=hint)
    return llm_error(failure)


def broken_off(
    error: BrokenOffError, settings: ConnectionSettings, redaction: Redaction
) -> LLMError:
    """The error for a reply that reports in its middle that it failed."""
    redaction.error(error)
    failure = _failure(str(error), settings, redaction)
    for words, kind in _SENTENCES:
        if words.search(failure.text.lower()):
            return llm_error(failure, kind=kind)
    return llm_error(failure)


def _failure(
    text: str,
    settings: ConnectionSettings,
    redaction: Redaction,
    *,
    status: int | None = None,
    response: httpx.Response | None = None,
) -> ProviderFailure:
    return ProviderFailure.reported(
        text,
        provider=PROVIDER,
        model=settings.model,
        redaction=redaction,
        status=status,
        headers=response.headers if response is not None else None,
    )


def _sentence(response: httpx.Response) -> str:
    """What the server says.

    It hands on what its engine says as JSON inside of JSON, and gateways have forms of their own.
    """
    found: object = response.text
    for _ in range(4):
        if isinstance(found, str):
            try:
                inside: object = json.loads(found)
            except ValueError:
                break
        else:
            inside = found
        if not isinstance(inside, dict):
            break
        told = cast("Mapping[str, object]", inside)
        found = told.get("error") or told.get("message") or str(told)
    return str(found)


def unreachable(
    error: httpx.HTTPError,
    settings: ConnectionSettings,
    redaction: Redaction,
    *,
    has_begun: bool = False,
) -> LLMError:
    """The error for a connection that could not be made, broke, or went silent.

    Args:
        error: secrets in it are blotted out in place, as it will be chained and printed too.
        settings: where the call went.
        redaction: of the component.
        has_begun: whether part of the reply had come.
    """
    redaction.error(error)
    failures = ConnectionFailures(
        provider=PROVIDER,
        model=settings.model,
        address=settings.address,
        redaction=redaction,
        silence_hint="raise `timeout` if the server only needs longer, to load the model for instance",
        unreachable_hint="start it with `ollama serve`, and check `base_url`",
    )
    if isinstance(error, httpx.TimeoutException):
        return failures.silent(settings.timeout, has_begun=has_begun)
    return failures.broken(error, has_begun=has_begun)


def shape_of(settings: ConnectionSettings) -> ReplyShape:
    """What the replies to a component are expected to be."""
    return ReplyShape(provider=PROVIDER, model=settings.model, api="Ollama's API")
