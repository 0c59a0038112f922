"""Who may use the admin API: whoever has the token, and no page of a foreign site."""

from __future__ import annotations

import hmac
import logging
import math
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hector import hash_admin_token
from hector_server.admin.replies import failure
from hector_server.admin.throttle import Throttle, peer_group
from hector_server.options import ServerOptions

__all__ = ["AdminGuard"]

logger = logging.getLogger("hector_server.admin")


class AdminGuard:
    """Passes on what carries the token.

    Before the token is looked at: a request with an `Origin` of another site is refused (403), and so
    is a peer that presented too many wrong ones (429). Nothing of the request's body is read before
    the token was right. A request without a token is not counted as an attempt.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions, throttle: Throttle) -> None:
        if not options.admin_token_hash:
            raise ValueError("the admin API needs a token")
        self._app = app
        self._hash = options.admin_token_hash
        self._public_url = options.public_url
        self._throttle = throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401, 403 or 429."""
        refusal = self._refusal(scope)
        if refusal is None:
            try:
                await self._app(scope, receive, send)
            except HTTPException as error:  # the router: no such path, or not with that method
                text = "there is nothing here" if error.status_code == 404 else error.detail
                hint = "docs/admin.md lists the paths and their methods"
                refusal = failure(error.status_code, text, hint, headers=error.headers)
        if refusal is not None:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        origins = _values(scope, b"origin")
        if origins and not (len(origins) == 1 and self._is_own(origins[0], scope)):
            return failure(403, "requests from pages of other sites are refused")
        given = _values(scope, b"authorization")
        if not given:
            return _unauthenticated()
        client = scope.get("client")
        peer = peer_group(client[0]) if client else ""
        if (wait_s := self._throttle.wait_s(peer)) > 0:
            seconds = str(math.ceil(wait_s))
            return failure(429, "too many wrong tokens", headers={"Retry-After": seconds})
        if len(given) == 1 and self._is_right(given[0]):
            return None
        self._throttle.fail(peer)
        logger.warning("wrong admin token from %s", peer or "an unknown peer")
        return _unauthenticated()

    def _is_right(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        # Hashes are compared, so that neither length nor content of the token shows in the time.
        is_same = hmac.compare_digest(hash_admin_token(token.strip()), self._hash)
        return is_same and scheme.lower() == "bearer"

    def _is_own(self, origin: str, scope: Scope) -> bool:
        """Whether a page of this very server sent it."""
        if self._public_url:
            public = urlsplit(self._public_url)
            if origin.lower() == f"{public.scheme}://{public.netloc}".lower():
                return True
        hosts = _values(scope, b"host")
        try:
            netloc = urlsplit(origin).netloc
        except ValueError:
            return False
        return bool(netloc) and len(hosts) == 1 and netloc.lower() == hosts[0].lower()


def _unauthenticated() -> Response:
    return failure(
        401,
        "the admin API needs the admin token",
        "send it with the header `Authorization: Bearer <token>`",
        headers={"WWW-Authenticate": 'Bearer realm="hector admin"'},
    )


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
