"""From what llama.cpp reports to Hector's errors."""

from __future__ import annotations

import json
from typing import Any, cast

import httpx

from hector.errors import (
    LLMContextOverflowError,
    LLMError,
    LLMInvalidRequestError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
)
from hector_plugin_llamacpp.process import Engine
from hector_plugin_llamacpp.request import Body
from hector_plugin_llamacpp.settings import PROVIDER

__all__ = ["failed", "refused", "unreachable", "wrong_shape"]

_OVERFLOW = "exceed_context_size_error"


def refused(response: httpx.Response, model: str) -> LLMError:
    """The error for a reply whose status says that the request failed; its body was read."""
    return failed(_failure(response), model, status=response.status_code)


def _failure(response: httpx.Response) -> Body:
    try:
        found: object = json.loads(response.content)
    except ValueError:
        return {"message": response.text}
    if isinstance(found, dict):
        inner: object = cast("dict[str, object]", found).get("error")
        if isinstance(inner, dict):
            return cast("Body", inner)
    return {"message": response.text}


def failed(failure: Body, model: str, *, status: int | None = None) -> LLMError:
    """The error for what llama.cpp says of a failure.

    Args:
        failure: the object `error` of its reply.
        model: the model's name.
        status: of the reply; None inside of one that had begun.
    """
    message = f"{PROVIDER}: {failure.get('message') or 'no reason given'}"
    known: dict[str, Any] = {"provider": PROVIDER, "model": model, "status": status}
    if failure.get("type") == _OVERFLOW:
        hint = "begin a new session, or raise `context_window` where memory allows it"
        return LLMContextOverflowError(message, hint=hint, **known)
    code = status or failure.get("code")
    if isinstance(code, int) and 400 <= code < 500:
        return LLMInvalidRequestError(message, **known)
    # The same request to the same process fails in the same way.
    return LLMUnavailableError(message, is_retryable=code == 503, **known)


def unreachable(error: httpx.HTTPError, engine: Engine, model: str) -> LLMError:
    """The error for a process that does not listen, fell silent, or died."""
    if isinstance(error, httpx.TimeoutException):
        return LLMTimeoutError(
            f"{PROVIDER}: {model} said nothing for too long",
            deadline="silence",
            provider=PROVIDER,
            model=model,
            hint="raise `timeout` if the model only needs longer",
        )
    said = engine.last_words()
    return LLMUnavailableError(
        f"{PROVIDER}: the process of {model} broke off{f': {said}' if said else ''}",
        provider=PROVIDER,
        model=model,
        hint="a model that does not fit into memory is ended by the system: take a smaller one, or"
        " lower `context_window` or `slots`",
    )


def wrong_shape(error: Exception, model: str) -> LLMResponseError:
    """The error for a reply that is not in the shape of llama.cpp's."""
    return LLMResponseError(
        f"{PROVIDER}: the reply of {model} is not what was expected: {error!r}",
        provider=PROVIDER,
        model=model,
        is_retryable=False,
        hint="check the version of xllamacpp",
    )
