"""From what an HTTP API reports to Hector's errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import (
    EmbedderError,
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
    ProviderFailure,
    Redaction,
    Secret,
    first_header,
    llm_error,
    rate_limit_headers,
    retry_after_s,
)


def failure(status: int | None, text: str = "No", **more: object) -> ProviderFailure:
    return ProviderFailure(provider="p", model="m", text=text, status=status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "kind", "is_retryable"),
    [
        (400, LLMInvalidRequestError, False),
        (401, LLMAuthenticationError, False),
        (403, LLMAuthenticationError, False),
        (404, LLMInvalidRequestError, False),
        (408, LLMTimeoutError, True),
        (409, LLMUnavailableError, True),
        (413, LLMInvalidRequestError, False),
        (422, LLMInvalidRequestError, False),
        (429, LLMRateLimitError, True),
        (451, LLMContentBlockedError, False),
        (500, LLMUnavailableError, True),
        (502, LLMUnavailableError, True),
        (503, LLMOverloadedError, True),
        (504, LLMTimeoutError, True),
        (529, LLMOverloadedError, True),
        (None, LLMUnavailableError, True),
    ],
)
def test_a_status_decides_the_class(
    status: int | None, kind: type[LLMError], *, is_retryable: bool
) -> None:
    error = llm_error(failure(status))
    assert type(error) is kind
    assert (error.is_retryable, error.status) == (is_retryable, status)


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (2000000) exceeds the maximum number of tokens allowed",
        "the request exceeds the context window",
        "too many tokens: size limit exceeded",
    ],
)
def test_the_words_of_providers_for_overflow(text: str) -> None:
    assert type(llm_error(failure(400, text))) is LLMContextOverflowError
    assert type(llm_error(failure(500, text))) is LLMUnavailableError


def test_an_error_says_who_what_and_where() -> None:
    headers = {"retry-after": "3", "x-should-retry": "false"}
    error = llm_error(failure(429, "Slow down", code="busy", request_id="req_1", headers=headers))
    assert str(error) == "[H513] p answered 429: Slow down (code busy, request req_1)"
    assert (error.provider, error.model, error.request_id) == ("p", "m", "req_1")
    assert (error.retry_after_s, error.is_retryable) == (3.0, False)


def test_an_embedder_error_is_the_same_failure() -> None:
    error = EmbedderError.of(llm_error(failure(429, headers={"retry-after": "3"})))
    assert error.code == "H530"
    assert (error.provider, error.model, error.status) == ("p", "m", 429)
    assert (error.retry_after_s, error.is_retryable) == (3.0, True)


# ------------------------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
    ],
)
def test_the_wait_that_is_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize("ending", ["GMT", "+0000"])
def test_a_wait_until_a_date(ending: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = retry_after_s({"retry-after": date.replace("GMT", ending)})
    assert found == pytest.approx(3600, abs=60)


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text()))
def test_no_header_breaks_the_reading(headers: dict[str, str]) -> None:
    found = retry_after_s(headers)
    assert found is None or found >= 0


def test_rate_limits_are_picked_from_the_headers() -> None:
    headers = {
        "Authorization": "Bearer x",
        "Set-Cookie": "y",
        "X-RateLimit-Remaining-Tokens": "12",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
        "ratelimit-limit": "5",
        "retry-after": "1" * 200,
    }
    assert rate_limit_headers(headers) == {
        "x-ratelimit-remaining-tokens": "12",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
        "ratelimit-limit": "5",
        "retry-after": "1" * 100,
    }


# ------------------------------------------------------------------------------------ secrets

KEY = "a-very-secret-key"


def test_secrets_and_what_looks_like_one_are_blotted_out() -> None:
    redaction = Redaction([Secret(KEY), Secret("short"), None])
    told = f"Bad {KEY} or sk-pro*****wxyz, Bearer abc.def, AIzaSyA0123456789; short is none"
    assert redaction.text(told) == "Bad … or …, … …; short is none"
    assert repr(redaction) == "Redaction(1 secrets)"


def test_the_longer_of_two_secrets_leaves_no_rest() -> None:
    redaction = Redaction([Secret("password"), Secret("password-and-more")])
    assert redaction.text("it was password-and-more") == "it was …"


def test_a_long_text_is_shortened() -> None:
    assert len(Redaction([]).text("x" * 5000)) == 501


def test_an_error_and_what_it_came_from_are_blotted_out() -> None:
    cause = ValueError(f"at {KEY}", 7)
    error = RuntimeError(f"sent {KEY}")
    error.__cause__ = cause
    cause.__context__ = error  # a circle ends
    Redaction([Secret(KEY)]).error(error)
    assert (error.args, cause.args) == (("sent …",), ("at …", 7))


def test_what_was_reported_is_redacted_and_its_request_is_looked_up() -> None:
    redaction = Redaction([Secret("hush-hush-hush")])
    told = ProviderFailure.reported(
        "no hush-hush-hush here",
        provider="p",
        model="m",
        redaction=redaction,
        status=429,
        headers={"X-Second": "two", "Retry-After": "3"},
        id_headers=("x-first", "x-second"),
    )
    assert (told.text, told.status, told.request_id) == ("no … here", 429, "two")
    assert llm_error(told).retry_after_s == 3
    silent = ProviderFailure.reported("", provider="p", model="m", redaction=redaction)
    assert (silent.text, silent.request_id, silent.headers) == ("no reason given", None, {})


def test_the_first_header_that_says_something_counts() -> None:
    assert first_header({"a": "", "b": "2", "c": "3"}, ("a", "b", "c")) == "2"
    assert first_header({}, ("a",)) == ""
