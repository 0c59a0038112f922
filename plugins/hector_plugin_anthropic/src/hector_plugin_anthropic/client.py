"""The HTTP client of one component: made warm, owned, closed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anthropic
import httpx2

from hector.spi.certificates import shared_tls_context
from hector.spi.thread_making import made_in_thread
from hector_plugin_anthropic.settings import ConnectionSettings

__all__ = ["ANTHROPIC_URL", "open_client"]

ANTHROPIC_URL = "https://api.anthropic.com"


@asynccontextmanager
async def open_client(settings: ConnectionSettings) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    """Make a client, and close it with its connections when left. No request is made."""
    # Certificates are read: tenths of a second of CPU, off the loop.
    client = await made_in_thread(lambda: _make(settings), anthropic.AsyncAnthropic.close)
    async with client:
        yield client


def _make(settings: ConnectionSettings) -> anthropic.AsyncAnthropic:
    timeout = anthropic.Timeout(settings.timeout, connect=settings.connect_timeout)
    proxy = settings.proxy
    headers = settings.plain_headers()
    client = anthropic.AsyncAnthropic(
        # With a key in hand the SDK looks for no other. A server of one's own may want none.
        api_key=settings.api_key.reveal() if settings.api_key else "none",
        # The config alone decides: nothing here is left to the SDK's own look at the environment.
        base_url=settings.base_url or ANTHROPIC_URL,
        timeout=timeout,
        max_retries=0,  # Hector's own policy is the only one
        open_telemetry=False,  # the spans are Hector's
        http_client=anthropic.DefaultAsyncHttpxClient(
            verify=shared_tls_context(httpx2.create_ssl_context),
            proxy=proxy.reveal() if proxy else None,
            timeout=timeout,
        ),
    )
    # The constructor adds what ANTHROPIC_CUSTOM_HEADERS says.
    client._custom_headers = headers  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return client
