"""Which failures the words of the config mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hector.errors import (
    HectorError,
    LLMAuthenticationError,
    LLMContentBlockedError,
    LLMContextOverflowError,
    LLMInvalidRequestError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    LLMUnavailableError,
    UnsupportedError,
)
from hector_std.router.provider import FailureKind

__all__ = ["classes_of"]

_CLASSES: Mapping[FailureKind, type[HectorError]] = {
    "authentication": LLMAuthenticationError,
    "content_blocked": LLMContentBlockedError,
    "context_overflow": LLMContextOverflowError,
    "invalid_request": LLMInvalidRequestError,
    "overloaded": LLMOverloadedError,
    "protocol": LLMResponseError,
    "rate_limit": LLMRateLimitError,
    "timeout": LLMTimeoutError,
    "unavailable": LLMUnavailableError,
    "unsupported": UnsupportedError,
}


def classes_of(kinds: Iterable[FailureKind]) -> tuple[type[HectorError], ...]:
    """The classes to catch."""
    return tuple(_CLASSES[kind] for kind in kinds)
