"""Tools that are requests to one HTTP service."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote

import attrs
import httpx

from hector.errors import ComponentOpenError, ToolError
from hector.message import JSONObject
from hector.spi import (
    BuildContext,
    OutboundRules,
    Redaction,
    Secret,
    Tool,
    ToolContext,
    ToolOutput,
    ToolSpec,
)
from hector.spi.certificates import shared_tls_context
from hector.spi.outbound_client import GuardedTransport, Resolve, resolve
from hector_std.tools_http.exchange import CONNECT_TIMEOUT_S, Exchange
from hector_std.tools_http.replies import ACCEPTED_ENCODINGS, Blotting, Reply
from hector_std.tools_http.requests import RequestMaker
from hector_std.tools_http.secret_query import SecretQueryTransport
from hector_std.tools_http.settings import HttpToolsSettings

__all__ = ["HttpToolset", "open_http_tools"]


_SECRET_NAME = re.compile(
    r"appid|auth|cookie|credential|key|pass|secret|session|sig|token", re.IGNORECASE
)
"""How headers and query values that hold a secret are named."""


@attrs.frozen(kw_only=True)
class _HttpTool:
    """One tool."""

    spec: ToolSpec
    maker: RequestMaker
    exchange: Exchange
    method: str
    max_length: int

    async def call(self, arguments: JSONObject, context: ToolContext) -> ToolOutput:
        """Send the request; see `hector.spi.Tool`."""
        outgoing = self.maker.request(arguments, context.idempotency_key)
        has_effect = self.spec.effect != "pure"
        reply = await self.exchange.ask(self.spec.name, outgoing, has_effect=has_effect)
        return self._shown(reply)

    def _shown(self, reply: Reply) -> ToolOutput:
        return reply.output(self.exchange.blotting, method=self.method, max_length=self.max_length)


@attrs.frozen(kw_only=True)
class _LookupHttpTool(_HttpTool):
    """One that can say what became of a call."""

    async def lookup(self, arguments: JSONObject, context: ToolContext) -> ToolOutput | None:
        """Ask the service for the call; see `hector.spi.LookupTool`.

        It was never done if the answer is 404, an empty list or null; any other answer with content is its result.

        Raises:
            ToolError: the service does not tell.
        """
        outgoing = self.maker.lookup(arguments, context.idempotency_key)
        reply = await self.exchange.ask(self.spec.name, outgoing, has_effect=False)
        if reply.status == 404:
            return None
        if not 200 <= reply.status < 300 or not reply.body:
            raise ToolError(f"the lookup of `{self.spec.name}` was answered {reply.title}")
        try:
            if reply.json(self.exchange.blotting.of_content) in (None, []):
                return None
        except ValueError:
            pass  # no JSON: whatever there is, is there
        return reply.output(self.exchange.blotting, method="GET", max_length=self.max_length)


@attrs.frozen
class HttpToolset:
    """The tools of one service, in the order of the config."""

    _tools: tuple[Tool, ...]

    def tools(self) -> Sequence[Tool]:
        """See `Toolset`."""
        return self._tools


@asynccontextmanager
async def open_http_tools(
    settings: HttpToolsSettings, context: BuildContext, *, resolve: Resolve = resolve
) -> AsyncGenerator[HttpToolset]:
    """Make the tools, and close their connections when left. No request is made.

    Args:
        settings: the toolset's.
        context: of the component.
        resolve: who knows the addresses of names.

    Raises:
        ComponentOpenError: certificates that `SSL_CERT_FILE` or `SSL_CERT_DIR` name cannot be read.
    """
    is_secure = settings.base_url.lower().startswith("https:")
    # Certificates are read, the first time: tenths of a second of CPU, off the loop.
    certificates = await asyncio.to_thread(_certificates, context.path) if is_secure else None
    rules = OutboundRules.of(settings.allowed_networks)
    client = httpx.AsyncClient(
        transport=SecretQueryTransport(
            GuardedTransport(rules, ssl_context=certificates, resolve=resolve)
        ),
        headers={"Accept-Encoding": ACCEPTED_ENCODINGS, "User-Agent": "hector"},
        # Whoever calls is somebody else each time: what a server sets for one is not sent for another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, CONNECT_TIMEOUT_S)),
        follow_redirects=False,
        trust_env=False,
    )
    async with client:
        exchange = Exchange(
            client=client,
            blotting=_blotting(settings),
            timeout_s=settings.timeout,
            most_bytes=settings.max_response_bytes,
        )
        yield HttpToolset(tuple(_tools(settings, exchange)))


def _certificates(path: str) -> ssl.SSLContext:
    """What the environment says about certificates counts: `SSL_CERT_FILE`, `SSL_CERT_DIR`."""
    try:
        return shared_tls_context(httpx.create_ssl_context)
    except OSError as error:  # the errors of `ssl` are some, too
        raise ComponentOpenError(
            path,
            f"cannot read the certificates that it trusts: {error}",
            hint="correct SSL_CERT_FILE or SSL_CERT_DIR",
        ) from error


def _tools(settings: HttpToolsSettings, exchange: Exchange) -> Sequence[Tool]:
    made: list[Tool] = []
    for name, tool in settings.tools.items():
        maker = RequestMaker(name, tool, settings)
        spec = maker.spec()
        kind = _LookupHttpTool if spec.effect == "lookup" else _HttpTool
        made.append(
            kind(
                spec=spec,
                maker=maker,
                exchange=exchange,
                method=tool.method,
                max_length=settings.max_output_length,
            )
        )
    return made


def _blotting(settings: HttpToolsSettings) -> Blotting:
    """Of header and query values, whole, as their last word (`Bearer …`) and as they stand in an address."""
    groups = (settings.headers, settings.query, *(it.headers for it in settings.tools.values()))
    named = [(name, secret.reveal()) for group in groups for name, secret in group.items()]
    return Blotting(
        of_errors=_redaction(text for _, text in named),
        of_content=_redaction(text for name, text in named if _SECRET_NAME.search(name)),
    )


def _redaction(values: Iterable[str]) -> Redaction:
    texts = {value for value in values if value}
    texts |= {text.split()[-1] for text in texts if text.split()}
    texts |= {quote(text, safe="") for text in texts}
    return Redaction(map(Secret, texts))
