"""Settings that providers behind a network share: where the server is, and who we are to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import attrs

from hector.spi.llm_settings import RequestSettings
from hector.spi.provider_connections import check_headers, is_address
from hector.spi.provider_failures import Redaction
from hector.spi.settings import Doc, Duration, Pattern, Range, Secret

__all__ = ["ServerSettings", "VectorSettings"]

_CONNECT_TIMEOUT_S = 10.0


# Without slots, so that a settings class may inherit several of these.
@attrs.frozen(kw_only=True, slots=False)
class ServerSettings(RequestSettings):
    """Where a vendor's server is, and who we are to it; inherit it in a connection's settings class.

    Repeat `api_key` and `base_url` there, for the environment variables that fill them differ from vendor to vendor,
    and call `check_server`.
    """

    api_key: Annotated[Secret | None, Doc("API key; required unless base_url is set")] = None
    base_url: Annotated[
        str | None, Doc("address of another server that speaks this API"), Pattern(r"https?://\S+")
    ] = None
    headers: Annotated[Mapping[str, Secret], Doc("more HTTP headers, for gateways")] = attrs.field(
        factory=dict[str, Secret]
    )
    proxy: Annotated[
        Secret | None, Doc("address of an HTTP proxy, which may hold its password")
    ] = None

    def check_server(self, *, key_variable: str, example: str = "http://localhost:8000") -> None:
        """Refuse what no single key shows to be wrong; for `__attrs_post_init__`.

        Args:
            key_variable: the environment variable that usually holds the key.
            example: an address as `base_url` should be.

        Raises:
            ValueError: names the key, and shows no value.
        """
        if not self.api_key and self.base_url is None:
            raise ValueError(
                f"api_key is missing: give it, or set the environment variable {key_variable} "
                "(only a server of your own, named by base_url, can do without)"
            )
        if self.base_url is not None and not is_address(self.base_url):
            raise ValueError(f"base_url must be an address such as {example}")
        check_headers(self.api_key, self.headers, self.proxy)

    @property
    def connect_timeout(self) -> float:
        """Longest wait for a connection, in seconds: 10, or `timeout` where that is less."""
        return min(self.timeout, _CONNECT_TIMEOUT_S)

    @property
    def redaction(self) -> Redaction:
        """What blots out the secrets of a component."""
        return Redaction((self.api_key, self.proxy, *self.headers.values()))

    def plain_headers(self) -> dict[str, str]:
        """`headers` as the HTTP client wants them, with their values to be read."""
        return {name: value.reveal() for name, value in self.headers.items()}


@attrs.frozen(kw_only=True, slots=False)
class VectorSettings(RequestSettings):
    """Requests of one embedder; inherit it in its settings class."""

    max_concurrency: Annotated[int, Doc("most requests that are made at a time"), Range(1, 64)] = 4
    timeout: Annotated[
        float,
        Doc("longest silence of the server"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 30.0
