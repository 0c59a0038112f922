"""The HTTP client of one component: made warm, owned, closed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai

from hector.spi import bare_address
from hector.spi.certificates import shared_tls_context
from hector.spi.thread_making import made_in_thread
from hector_plugin_openai.settings import ConnectionSettings

__all__ = ["ONLY_THE_API_KEY", "address_of", "open_client"]

_OPENAI_URL = "https://api.openai.com/v1"

ONLY_THE_API_KEY: Any = {"security": {"bearer_auth": True}}
"""Options of a request: an administrator's key in the environment is none of our business."""


@asynccontextmanager
async def open_client(settings: ConnectionSettings) -> AsyncGenerator[openai.AsyncOpenAI]:
    """Make a client, and close it with its connections when left. No request is made."""
    # Certificates are read and the SDK imports its resources late: 0.2 s of CPU, off the loop.
    client = await made_in_thread(lambda: _make(settings), openai.AsyncOpenAI.close)
    async with client:
        yield client


def address_of(settings: ConnectionSettings) -> str:
    """The address of the server, without the user and password that it may hold."""
    return bare_address(settings.base_url or _OPENAI_URL)


def _make(settings: ConnectionSettings) -> openai.AsyncOpenAI:
    timeout = openai.Timeout(settings.timeout, connect=settings.connect_timeout)
    proxy = settings.proxy
    client = openai.AsyncOpenAI(
        # The SDK wants some key; a server of one's own may want none.
        api_key=settings.api_key.reveal() if settings.api_key else "none",
        # The config alone decides: nothing here is left to the SDK's own look at the environment.
        base_url=settings.base_url or _OPENAI_URL,
        timeout=timeout,
        max_retries=0,  # Hector's own policy is the only one
        default_headers=settings.plain_headers(),
        http_client=openai.DefaultAsyncHttpx2Client(
            verify=shared_tls_context(httpx2.create_ssl_context),
            proxy=proxy.reveal() if proxy else None,
            timeout=timeout,
        ),
    )
    client.organization = settings.organization
    client.project = settings.project
    _ = client.responses, client.chat.completions, client.embeddings
    return client
