"""What settings of providers behind a network share: a server, a key, headers, a proxy."""

from __future__ import annotations

import re
from typing import Annotated, Any

import attrs
import pytest

from hector.spi import CallSettings, Env, Secret, ServerSettings, VectorSettings

KEY = Secret("a-secret-0123456789")


@attrs.frozen(kw_only=True)
class AcmeSettings(ServerSettings):
    """As a plugin writes it."""

    api_key: Annotated[Secret | None, Env("ACME_API_KEY")] = None

    def __attrs_post_init__(self) -> None:
        self.check_server(key_variable="ACME_API_KEY", example="http://localhost:1/v9")


@attrs.frozen(kw_only=True)
class AcmeLLMSettings(AcmeSettings, CallSettings):
    """One of an LLM."""


@attrs.frozen(kw_only=True)
class AcmeEmbedderSettings(AcmeSettings, VectorSettings):
    """One of an embedder."""


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {},
            (
                "api_key is missing: give it, or set the environment variable ACME_API_KEY "
                "(only a server of your own, named by base_url, can do without)"
            ),
        ),
        ({"base_url": "http://"}, "base_url must be an address such as http://localhost:1/v9"),
        ({"api_key": Secret("a b")}, "api_key must be ASCII without spaces"),
        ({"api_key": KEY, "headers": {"a b": KEY}}, "headers must have names such as x-team"),
        ({"api_key": KEY, "proxy": Secret("me")}, "proxy must be an address such as"),
    ],
)
def test_what_no_single_key_shows_to_be_wrong_is_refused(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        AcmeSettings(**keys)


def test_a_server_of_ones_own_needs_no_key() -> None:
    assert AcmeSettings(base_url="http://localhost:8000").api_key is None


def test_each_kind_has_its_own_usual_silence() -> None:
    assert AcmeSettings(api_key=KEY).timeout == 60
    assert AcmeLLMSettings(api_key=KEY).timeout == 600
    assert AcmeEmbedderSettings(api_key=KEY).timeout == 30
    assert AcmeEmbedderSettings(api_key=KEY).max_concurrency == 4


@pytest.mark.parametrize(("timeout", "connect"), [(600.0, 10.0), (2.5, 2.5)])
def test_a_connection_is_waited_for_ten_seconds_at_most(timeout: float, connect: float) -> None:
    assert AcmeSettings(api_key=KEY, timeout=timeout).connect_timeout == connect


def test_everything_secret_in_settings_is_blotted_out() -> None:
    header, proxy = "header-secret-1", "http://me:proxy-secret@127.0.0.1:3128"
    settings = AcmeSettings(api_key=KEY, headers={"x-team": Secret(header)}, proxy=Secret(proxy))
    assert settings.redaction.text(f"{KEY.reveal()} {header} {proxy}") == "… … …"
    assert settings.plain_headers() == {"x-team": header}
    assert header not in repr(settings)
