"""Sending a request and reading the reply, within a deadline and within one origin."""

from __future__ import annotations

import asyncio

import attrs
import httpx

from hector.errors import AddressRefusedError, ToolError, ToolTimeoutError
from hector.spi import server_of
from hector_std.tools_http.replies import Blotting, Reply, UnreadableReplyError, read_reply
from hector_std.tools_http.requests import Outgoing
from hector_std.tools_http.secret_query import SECRET_QUERY

__all__ = ["Exchange"]

MOST_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0


@attrs.frozen(kw_only=True)
class Exchange:
    """The requests of one toolset.

    Attributes:
        client: sends them; it follows no redirect by itself.
        blotting: of the toolset's secrets.
        timeout_s: seconds that one call may take, redirects included.
        most_bytes: most bytes of a reply that are read.
    """

    client: httpx.AsyncClient
    blotting: Blotting
    timeout_s: float
    most_bytes: int

    async def ask(self, name: str, outgoing: Outgoing, *, has_effect: bool) -> Reply:
        """Send a request, and follow redirects that stay with the same server.

        Args:
            name: of the tool, for messages.
            outgoing: what to send.
            has_effect: whether it may have been done although nothing came back.

        Raises:
            ToolTimeoutError: no reply in time.
            ToolError: there is no connection, or it broke.

        Cancellation closes the connection at once.
        """
        doubt = "; it may have been done" if has_effect else ""
        server = server_of(outgoing.url)
        deadline = asyncio.timeout(self.timeout_s)
        followed: list[int] = []
        try:
            async with deadline:
                return await self._followed(outgoing, followed)
        except AddressRefusedError as error:
            how = f": the redirect was not followed{doubt}" if followed else " was not called"
            raise ToolError(
                f"`{name}`{how}: {error.message}",
                hint="name its network in `allowed_networks` if it is meant",
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            why = self._reason(error) or "it does not answer"
            if followed:
                raise ToolError(f"`{name}`: the redirect was not followed{doubt}: {why}") from error
            raise ToolError(
                f"`{name}` was not called: {server} cannot be reached: {why}"
            ) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, TimeoutError) and not deadline.expired():
                raise
            raise ToolTimeoutError(
                f"`{name}`: {server} did not answer within {self.timeout_s:g} s{doubt}",
                hint="raise `timeout` if it needs longer",
            ) from error
        except httpx.TransportError as error:
            why = self._reason(error) or type(error).__name__
            raise ToolError(f"`{name}`: the connection to {server} broke{doubt}: {why}") from error
        except UnreadableReplyError as error:
            raise ToolError(f"`{name}`: {error}{doubt}") from error

    def _reason(self, error: Exception) -> str:
        """What an error says, without secrets; blotted out of it too, as it will be chained and printed."""
        self.blotting.of_errors.error(error)
        return self.blotting.of_errors.text(str(error))

    async def _followed(self, outgoing: Outgoing, followed: list[int]) -> Reply:
        """The last reply; `followed` gets the status of each that led on."""
        request = self.client.build_request(
            outgoing.method,
            outgoing.url,
            headers=dict(outgoing.headers),
            content=outgoing.content,
            extensions={SECRET_QUERY: outgoing.secret_query},
        )
        origin = _origin(request.url)
        for _ in range(MOST_REDIRECTS):
            response = await self.client.send(request, stream=True)
            try:
                following = response.next_request
                if following is None or _origin(following.url) != origin:
                    return await read_reply(response, most_bytes=self.most_bytes)
            finally:
                await response.aclose()
            followed.append(response.status_code)
            request = following
        raise UnreadableReplyError(f"the server redirected more than {MOST_REDIRECTS} times")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
