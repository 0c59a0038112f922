"""The connections of providers behind a network: what can be asked and sent, and how failures are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import attrs

from hector.errors import LLMError, LLMResponseError, LLMTimeoutError, LLMUnavailableError
from hector.spi.provider_failures import Redaction
from hector.spi.settings import Secret

__all__ = [
    "ConnectionFailures",
    "bare_address",
    "check_headers",
    "is_address",
    "server_of",
    "shape_error",
]


def is_address(url: str) -> bool:
    """Whether host and port can be asked for; a host beyond ASCII is written as `xn--…`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host or "") is not None


def server_of(url: str) -> str:
    """Scheme, host and port of an address, without the user, password and path that it may hold."""
    address = urlsplit(url)
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.hostname}{port}"


def bare_address(url: str) -> str:
    """The address with its path, without the user, password and query that it may hold."""
    address = urlsplit(url)
    return urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))


def check_headers(
    api_key: Secret | None, headers: Mapping[str, Secret], proxy: Secret | None
) -> None:
    """Refuse, in a settings class, what no request could carry.

    Args:
        api_key: travels in a header.
        headers: more of them.
        proxy: address of a proxy.

    Raises:
        ValueError: names the key, and shows no value.
    """
    if api_key and not re.fullmatch(r"[\x21-\x7e]+", api_key.reveal()):
        raise ValueError("api_key must be ASCII without spaces")
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError("headers must have names such as x-team")
        if not re.fullmatch(r"[\x20-\x7e]*", value.reveal()):
            raise ValueError(f"headers.{name} must be printable ASCII")
    if proxy and not re.fullmatch(r"https?://[^\s/]+/?", proxy.reveal()):
        raise ValueError("proxy must be an address such as http://127.0.0.1:3128")


@attrs.frozen(kw_only=True)
class ConnectionFailures:
    """Tells what happened to the connection of one component, whatever its HTTP client calls it.

    Attributes:
        provider, model: who is asked.
        address: of the server; only `server_of` it is shown.
        redaction: of the component.
        silence_hint, unreachable_hint: what to do next.
    """

    provider: str
    model: str
    address: str
    redaction: Redaction
    silence_hint: str = "raise `timeout` if the server is only slow"
    unreachable_hint: str = "check `base_url` and that the server is up"

    def silent(self, timeout_s: float, *, has_begun: bool) -> LLMTimeoutError:
        """The error for a server that sent nothing for `timeout_s`, before or inside of a reply."""
        when = "in the middle of a reply" if has_begun else "after a request"
        return LLMTimeoutError(
            f"{server_of(self.address)} was silent for {timeout_s:g} s {when}",
            provider=self.provider,
            model=self.model,
            hint=self.silence_hint,
        )

    def broken(self, cause: BaseException | None, *, has_begun: bool) -> LLMError:
        """The error for a connection that could not be made, or broke; `cause` says why."""
        server = server_of(self.address)
        reason = self.redaction.text(str(cause) or type(cause).__name__)
        if has_begun:
            return LLMResponseError(
                f"the reply from {server} was cut off: {reason}",
                provider=self.provider,
                model=self.model,
                is_retryable=True,
            )
        return LLMUnavailableError(
            f"cannot reach {server}: {reason}",
            provider=self.provider,
            model=self.model,
            hint=self.unreachable_hint,
        )


def shape_error(
    error: Exception, *, provider: str, model: str, api: str, hint: str = "check `base_url`"
) -> LLMResponseError:
    """The error for a reply that is not what `api`, such as `Ollama's API`, promises."""
    return LLMResponseError(
        f"the reply is not in the shape of {api} ({type(error).__name__}: {error})",
        provider=provider,
        model=model,
        hint=hint,
    )
