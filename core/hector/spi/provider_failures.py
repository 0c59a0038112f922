"""From what an HTTP API reports to Hector's errors, the same for every provider."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

import attrs

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
from hector.spi.settings import Secret

__all__ = [
    "ProviderFailure",
    "Redaction",
    "first_header",
    "llm_error",
    "rate_limit_headers",
    "retry_after_s",
]

_OVERFLOW_WORDS = re.compile(
    r"maximum context length|context[ _](window|size|length) (of|is|exceed)|exceeds? the context"
    r"|prompt is too long|input token count .* exceeds|context_length_exceeded|too many (input )?tokens"
)
_KEY_PATTERN = re.compile(r"\b(?:sk|pk|rk|gsk|xai)-[\w*.-]{4,}|\bAIza[\w-]{10,}|\bBearer\s+\S+")
_MAXIMUM_TEXT = 500
_SHORTEST_SECRET = 8


@attrs.frozen(kw_only=True)
class ProviderFailure:
    """What a provider reports, as an adapter has read it.

    Attributes:
        provider, model: who was asked.
        text: the provider's sentence, which may hold anything; redacted already.
        status: HTTP status; None inside of a reply that had begun.
        code: the provider's word for it, or None.
        request_id: see `LLMError`.
        headers: of the reply, names in lower case or case-insensitive.
    """

    provider: str
    model: str
    text: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def reported(
        cls,
        text: str,
        *,
        provider: str,
        model: str,
        redaction: Redaction,
        status: int | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        id_headers: Sequence[str] = ("x-request-id",),
    ) -> ProviderFailure:
        """What was reported, with `text` redacted here and the request's name looked up.

        Args:
            text: the provider's sentence; empty where it gives none.
            provider: who was asked.
            model: who was asked.
            redaction: of the component.
            status: as of the attribute.
            code: as of the attribute.
            headers: of the reply, in any case.
            id_headers: headers that may name the request, in lower case, the best first.
        """
        received = {name.lower(): value for name, value in (headers or {}).items()}
        return cls(
            provider=provider,
            model=model,
            text=redaction.text(text or "no reason given"),
            status=status,
            code=code,
            request_id=first_header(received, id_headers) or None,
            headers=received,
        )


def first_header(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """The first of `names` that the headers of a reply have a value for; empty where there is none."""
    found = (headers.get(name) for name in names)
    return next((value for value in found if value), "")


def llm_error(
    failure: ProviderFailure,
    *,
    kind: type[LLMError] | None = None,
    is_retryable: bool | None = None,
    hint: str | None = None,
    **more: Any,
) -> LLMError:
    """The error for a failure.

    Args:
        failure: what was reported.
        kind: the class, where the provider's `code` decides it; else the status and the words do.
        is_retryable: overrides the class's default and `x-should-retry`.
        hint: what to do next, instead of the usual.
        more: what the class takes beside, such as `category`.
    """
    found, usual_hint = (kind, None) if kind is not None else _by_status(failure)
    details = [f"code {failure.code}"] if failure.code else []
    details += [f"request {failure.request_id}"] if failure.request_id else []
    answered = f"answered {failure.status}" if failure.status else "broke off its reply"
    message = f"{failure.provider} {answered}: {failure.text}"
    message += f" ({', '.join(details)})" if details else ""
    wait = retry_after_s(failure.headers)
    return found(
        message,
        provider=failure.provider,
        model=failure.model,
        status=failure.status,
        request_id=failure.request_id,
        retry_after_s=wait,
        is_retryable=_told(failure.headers) if is_retryable is None else is_retryable,
        hint=hint or usual_hint or _HINTS.get(found),
        **more,
    )


_HINTS: Mapping[type[LLMError], str] = {
    LLMAuthenticationError: "check `api_key`, and that it may use this model",
    LLMContextOverflowError: "begin a new session, or use a model with a larger context window",
}


def _by_status(failure: ProviderFailure) -> tuple[type[LLMError], str | None]:
    status = failure.status
    if _OVERFLOW_WORDS.search(f"{failure.code or ''} {failure.text}".lower()) and (
        status is None or 400 <= status < 500
    ):
        return LLMContextOverflowError, None
    if status is None:
        return LLMUnavailableError, None
    if status in {401, 403}:
        return LLMAuthenticationError, None
    if status == 404:
        return LLMInvalidRequestError, "check `model` and `base_url`"
    if status == 429:
        return LLMRateLimitError, None
    if status in {503, 529}:
        return LLMOverloadedError, None
    if status in {408, 504}:
        return LLMTimeoutError, None
    if status == 451:
        return LLMContentBlockedError, None
    if status >= 500 or status in {409, 425}:
        return LLMUnavailableError, None
    return LLMInvalidRequestError, None


def _told(headers: Mapping[str, str]) -> bool | None:
    """What the provider itself says about another try."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until another try is welcome, as the headers of a reply say it.

    `retry-after-ms` and `x-ms-retry-after-ms` (milliseconds) go before `retry-after`, which holds
    seconds or a date (RFC 9110, 10.2.3). What cannot be read counts as not said.

    Returns:
        A finite number >= 0, or None.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := _number(headers.get(name))) is not None:
            return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    if (seconds := _number(value)) is not None:
        return seconds
    from email.utils import parsedate_to_datetime  # 10 ms, and rarely needed

    try:
        date = parsedate_to_datetime(value)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


_RATE_LIMIT_NAMES = re.compile(
    r"((x|anthropic)-)?rate-?limit-.+|retry-after(-ms)?"
    r"|x-(trial-)?endpoint-(monthly-)?call-(limit|remaining)",  # Cohere
    re.IGNORECASE,
)
_MAXIMUM_HEADERS = 32


def rate_limit_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that tell what is left of which limit, names in lower case; at most 32, shortened."""
    found = {
        name.lower(): value[:100]
        for name, value in headers.items()
        if _RATE_LIMIT_NAMES.fullmatch(name)
    }
    return dict(list(found.items())[:_MAXIMUM_HEADERS])


class Redaction:
    """Blots secrets out of what a provider says, before it reaches an error or the log.

    Args:
        secrets: the key, gateways' headers, a proxy's password; None and values shorter than 8
            characters, which are no secrets, are left alone.
    """

    def __init__(self, secrets: Iterable[Secret | None]) -> None:
        values = {secret.reveal() for secret in secrets if secret is not None}
        self._values = sorted((it for it in values if len(it) >= _SHORTEST_SECRET), key=len)[::-1]

    def __repr__(self) -> str:
        return f"Redaction({len(self._values)} secrets)"

    def text(self, text: str) -> str:
        """The text without the secrets and whatever looks like a key, at most 500 characters long."""
        text = _KEY_PATTERN.sub("…", self.whole(text))
        return text if len(text) <= _MAXIMUM_TEXT else f"{text[:_MAXIMUM_TEXT]}…"

    def whole(self, text: str) -> str:
        """The text without the secrets, however long it is; what only looks like a key stays."""
        for value in self._values:
            text = text.replace(value, "…")
        return text

    def error(self, error: BaseException) -> None:
        """Blot out the arguments of `error` and of what it came from, in place, as they are chained and printed."""
        seen: set[int] = set()
        following: BaseException | None = error
        while following is not None and id(following) not in seen:
            seen.add(id(following))
            following.args = tuple(
                self.text(item) if isinstance(item, str) else item for item in following.args
            )
            following = following.__cause__ or following.__context__
