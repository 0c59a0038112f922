"""Secrets in the query of an address, put there where nobody logs it any more."""

from __future__ import annotations

from typing import Final

import httpx

__all__ = ["SECRET_QUERY", "SecretQueryTransport"]

SECRET_QUERY: Final = "hector_secret_query"  # noqa: S105 - a name
"""The extension of a request that holds what is to be added to its query. A redirect does not take it along."""


class SecretQueryTransport(httpx.AsyncBaseTransport):
    """Completes the address of a request behind the client, which logs addresses and keeps them in its errors."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        """Take what sends the requests; it is closed with this."""
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with its secret query."""
        secret = request.extensions.pop(SECRET_QUERY, "")
        if secret:
            query = b"&".join(filter(None, (request.url.query, secret.encode())))
            request = httpx.Request(
                request.method,
                request.url.copy_with(query=query),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what sends the requests."""
        await self._inner.aclose()
