"""`POST /agents/{name}`: A2A over JSON-RPC."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hector_server.a2a import Caller, Methods, TaskStream
from hector_server.host import Host
from hector_server.http.body import (
    BodyTimeoutError,
    BodyTooLargeError,
    ClientGoneError,
    read_body,
)
from hector_server.http.event_stream import EventStream
from hector_server.http.identity import public_agent, user_of
from hector_server.http.replies import not_found
from hector_server.options import ServerOptions
from hector_server.wire.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    InternalError,
    InvalidRequestError,
)
from hector_server.wire.json_text import write_json
from hector_server.wire.request import (
    RequestId,
    check_version,
    error_reply,
    read_request,
    result_reply,
)

__all__ = ["CONTENT_TYPES", "RPCEndpoint"]

logger = logging.getLogger("hector_server.rpc")

CONTENT_TYPES = frozenset({"application/json", "application/a2a+json"})


class RPCEndpoint:
    """An ASGI application that answers one call per request.

    Errors of JSON-RPC and A2A come with HTTP status 200, as the protocol's clients expect, but for
    those that proxies must understand too: 413 and 408 for the body, 415 for its type, 503 when the
    server takes no more work.
    """

    def __init__(self, host: Host, methods: Methods, options: ServerOptions) -> None:
        self._host = host
        self._methods = methods
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, answer, write."""
        name: str = scope["path_params"]["name"]
        agent = public_agent(self._host, name)
        if agent is None:
            reply: ASGIApp = _no_agent(name)
        else:
            try:
                reply = await self._answer(name, scope, receive)
            except ClientGoneError:
                return
        await reply(scope, receive, send)

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> ASGIApp:
        request_id: RequestId = None
        headers = _headers(scope)
        try:
            body = await self._read(headers, receive)
            agent = public_agent(self._host, name)
            if agent is None:  # a reload removed or hid it while the body was on its way
                return _no_agent(name)
            request = read_request(body)
            request_id = request.id
            check_version(headers.get(b"a2a-version", b"").decode("latin-1") or _version(scope))
            answer = await self._methods.call(
                request.method,
                Caller(agent, user_of(scope)),
                request.params,
                last_event_id=headers.get(b"last-event-id", b"").decode("latin-1"),
            )
        except InvalidRequestError as error:
            return _reply(error_reply(error.request_id, error.to_json()))
        except A2AError as error:
            return _refusal(request_id, error)
        except (BodyTooLargeError, BodyTimeoutError) as error:
            return self._body_refusal(error)
        except ClientGoneError:
            raise  # nobody is there to be told, and nothing broke
        except (
            Exception
        ):  # the request border: one broken call leaves the server and the others alone
            logger.exception("call to agent %s broke", name)
            return _refusal(request_id, InternalError("the server broke; its log says why"))
        if isinstance(answer, TaskStream):
            return EventStream(answer, request_id, keep_alive_s=self._options.keep_alive_s)
        return _reply(result_reply(request_id, write_json(answer)))

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
            raise _WrongTypeError(
                "send the request with the header `Content-Type: application/json`"
            )
        return await read_body(
            receive,
            declared=headers.get(b"content-length", b"").decode("latin-1"),
            limit=self._options.max_body_bytes,
            timeout_s=self._options.body_timeout_s,
        )

    def _body_refusal(self, error: BodyTooLargeError | BodyTimeoutError) -> Response:
        # The connection is closed because the rest of the body is still on its way.
        if isinstance(error, BodyTooLargeError):
            text = f"the request is longer than {self._options.max_body_bytes} bytes"
            refusal, status = InvalidRequestError(text), 413
        else:
            text = f"the request took longer than {self._options.body_timeout_s:g} s to arrive"
            refusal, status = InvalidRequestError(text), 408
        reply = _reply(error_reply(None, refusal.to_json()), status)
        reply.headers["Connection"] = "close"
        return reply


def _no_agent(name: str) -> Response:
    return not_found(f"there is no agent `{name[:64]}` here: see /agents")


class _WrongTypeError(ContentTypeNotSupportedError):
    status = 415


def _refusal(request_id: RequestId, error: A2AError) -> Response:
    reply = _reply(error_reply(request_id, error.to_json()), error.status)
    if error.status == 503:
        reply.headers["Retry-After"] = "1"
    return reply


def _reply(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _version(scope: Scope) -> str:
    query = scope["query_string"]
    if not query:
        return ""
    values = parse_qs(query.decode("latin-1"), max_num_fields=64).get("A2A-Version")
    return values[0] if values else ""
