"""What providers behind a network share about their connection."""

from __future__ import annotations

import re

import pytest

from hector.errors import LLMError, LLMResponseError, LLMTimeoutError, LLMUnavailableError
from hector.spi import (
    ConnectionFailures,
    Redaction,
    Secret,
    bare_address,
    check_headers,
    is_address,
    server_of,
    shape_error,
)

SECRET = "a-secret-0123456789"
FAILURES = ConnectionFailures(
    provider="acme",
    model="m",
    address=f"https://me:{SECRET}@models.example:8443/v1?key={SECRET}",
    redaction=Redaction([Secret(SECRET)]),
)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://127.0.0.1:8000", True),
        ("https://models.example/v1", True),
        ("http://[::1]:80", True),
        ("http://[::1", False),
        ("http://host:port", False),
        ("http://", False),
        ("http://ümlaut.example", False),
    ],
)
def test_an_address_is_what_can_be_asked_for(url: str, *, is_one: bool) -> None:
    assert is_address(url) == is_one


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://me:pass@models.example:8443/v1", "https://models.example:8443"),
        ("http://models.example/a?b=c", "http://models.example"),
    ],
)
def test_a_server_is_named_without_what_is_secret_in_its_address(url: str, server: str) -> None:
    assert server_of(url) == server


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://me:pass@models.example:8443/v1?key=k", "https://models.example:8443/v1"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
    ],
)
def test_an_address_is_told_without_what_is_secret_in_it(url: str, bare: str) -> None:
    assert bare_address(url) == bare


def told(error: LLMError) -> tuple[str, str | None]:
    assert (error.provider, error.model) == ("acme", "m")
    assert SECRET not in str(error)
    return error.message, error.hint


def test_silence_is_told_apart_by_when_it_fell() -> None:
    before, inside = FAILURES.silent(60, has_begun=False), FAILURES.silent(0.5, has_begun=True)
    hint = "raise `timeout` if the server is only slow"
    server = "https://models.example:8443"
    assert told(before) == (f"{server} was silent for 60 s after a request", hint)
    assert told(inside) == (f"{server} was silent for 0.5 s in the middle of a reply", hint)
    assert isinstance(inside, LLMTimeoutError)
    assert inside.is_retryable


def test_a_broken_connection_is_told_apart_by_whether_a_reply_had_begun() -> None:
    """Both may be better another time; the cause says why, without what is secret."""
    server = "https://models.example:8443"
    nobody = FAILURES.broken(OSError(f"refused {SECRET}"), has_begun=False)
    assert isinstance(nobody, LLMUnavailableError)
    assert told(nobody) == (
        f"cannot reach {server}: refused …",
        "check `base_url` and that the server is up",
    )
    cut = FAILURES.broken(ConnectionResetError(), has_begun=True)
    assert isinstance(cut, LLMResponseError)
    assert told(cut) == (f"the reply from {server} was cut off: ConnectionResetError", None)
    assert (nobody.is_retryable, cut.is_retryable) == (True, True)


def test_a_reply_of_another_shape_is_no_passing_fault() -> None:
    error = shape_error(KeyError("choices"), provider="acme", model="m", api="Acme's API")
    assert told(error) == (
        "the reply is not in the shape of Acme's API (KeyError: 'choices')",
        "check `base_url`",
    )
    assert not error.is_retryable


@pytest.mark.parametrize(
    ("api_key", "headers", "proxy", "message"),
    [
        ("k\n", {}, None, "api_key must be ASCII without spaces"),
        ("ä", {}, None, "api_key must be ASCII without spaces"),
        (None, {"x y": "v"}, None, "headers must have names such as x-team"),
        (None, {"x": "a\r\nb"}, None, "headers.x must be printable ASCII"),
        (None, {}, "0R5X", "proxy must be an address such as http://127.0.0.1:3128"),
    ],
)
def test_what_no_request_could_carry_is_refused_without_showing_it(
    api_key: str | None, headers: dict[str, str], proxy: str | None, message: str
) -> None:
    def check() -> None:
        check_headers(
            Secret(api_key) if api_key else None,
            {name: Secret(value) for name, value in headers.items()},
            Secret(proxy) if proxy else None,
        )

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check()
    check_headers(Secret("k"), {"x-team": Secret("red blue")}, Secret("http://u:p@h:1/"))
