"""Approvals and cancellations over plain HTTP, for programs that speak no A2A."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hector.message import JSONObject, JSONValue
from hector_server.host import Host, PendingApproval
from hector_server.http.body import (
    BodyTimeoutError,
    BodyTooLargeError,
    ClientGoneError,
    read_body,
)
from hector_server.http.identity import public_agent, user_of
from hector_server.http.replies import error_page, json_reply
from hector_server.options import ServerOptions
from hector_server.tasks import Task, TaskTable, question_json
from hector_server.tasks.kept import Kept
from hector_server.wire.decisions import MAX_CALL_ID, read_decision
from hector_server.wire.errors import (
    A2AError,
    BusyError,
    ContentTypeNotSupportedError,
    DecisionNotCountedError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from hector_server.wire.fields import Fields
from hector_server.wire.json_text import JSONTextError, read_json
from hector_server.wire.timestamps import to_timestamp

__all__ = ["approval_routes"]

logger = logging.getLogger("hector_server.approvals")

DEFAULT_PAGE = 50
MAX_PAGE = 100
MAX_ID = 256
NO_STORE = {"Cache-Control": "no-store"}

STATUSES: Mapping[type[A2AError], int] = {
    InvalidParamsError: 400,
    TaskNotFoundError: 404,
    TaskNotCancelableError: 409,
    UnsupportedOperationError: 409,
    ContentTypeNotSupportedError: 415,
    BusyError: 503,
}
REFUSALS = {"unknown": 404, "expired": 410, "malformed": 400, "arguments": 422}
"""By why a decision does not count; 409 for anything else."""

Handler = Callable[["Approvals", Request], Awaitable[Response]]


def approval_routes(host: Host, table: TaskTable, options: ServerOptions) -> list[BaseRoute]:
    """The routes below `/v1`; none where the host keeps no tasks."""
    if table.kept is None:
        return []
    api = Approvals(host, table, table.kept, options)
    return [
        Route("/v1/approvals", api.list),
        Route("/v1/tasks/{task}/approvals/{call:path}", api.decide, methods=["POST"]),
        Route("/v1/tasks/{task}/calls/{call:path}/cancel", api.cancel_call, methods=["POST"]),
        Route("/v1/tasks/{task}/cancel", api.cancel, methods=["POST"]),
    ]


def _answered(handler: Handler) -> Handler:
    """The request border: whatever goes wrong becomes an answer without a traceback."""

    @functools.wraps(handler)
    async def answer(api: Approvals, request: Request) -> Response:
        try:
            return await handler(api, request)
        except A2AError as error:
            return _refusal(error)
        except BodyTooLargeError:
            return error_page(413, "the request is too long", headers={"Connection": "close"})
        except BodyTimeoutError:
            return error_page(408, "the request took too long", headers={"Connection": "close"})
        except ClientGoneError:
            return error_page(400, "the request never came whole")  # nobody reads this
        except Exception:  # the request border
            logger.exception("%s %s broke", request.method, request.url.path)
            return error_page(500, "the server broke; its log says why")

    return answer


def _refusal(error: A2AError) -> Response:
    status = next((STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES), 500)
    headers = {"Retry-After": "1"} if status == 503 else None
    if isinstance(error, DecisionNotCountedError):
        status = REFUSALS.get(error.because, 409)
    return error_page(
        status, error.message, reason=error.reason, more=error.metadata, headers=headers
    )


class Approvals:
    """Answers for the caller's own tasks with agents that they may call."""

    def __init__(self, host: Host, table: TaskTable, kept: Kept, options: ServerOptions) -> None:
        self._host = host
        self._table = table
        self._kept = kept
        self._options = options

    @_answered
    async def list(self, request: Request) -> Response:
        """`GET /v1/approvals`: the calls that wait for a decision, in pages."""
        query = _query(request, "taskId", "contextId", "pageSize", "pageToken")
        size = _page_size(query.get("pageSize"))
        user = user_of(request.scope)
        if query.get("taskId"):
            task = await self._find(query["taskId"], user)
            found, token = await self._kept.waiting_in(task), ""
        else:
            found, token = await self._kept.waiting(
                user=user,
                context_id=query.get("contextId", ""),
                limit=size,
                cursor=query.get("pageToken", ""),
            )
        shown: list[JSONValue] = [
            _shown(item) for item in found if public_agent(self._host, item.task.agent) is not None
        ]
        return json_reply({"approvals": shown, "nextPageToken": token}, headers=NO_STORE)

    @_answered
    async def decide(self, request: Request) -> Response:
        """`POST /v1/tasks/{task}/approvals/{call}`: approve, deny or edit a call that waits."""
        body = await self._body(request)
        if body is None:
            raise InvalidParamsError("body", "must be an object with `decision` and `callHash`")
        user = user_of(request.scope)
        decision = read_decision(body, by=user, call_id=_call_id(request))
        task = await self._find(request.path_params["task"], user)
        self._table.require_capacity()
        await self._kept.decide(task, (decision,))
        return _told(task)

    @_answered
    async def cancel(self, request: Request) -> Response:
        """`POST /v1/tasks/{task}/cancel`: end a task that runs or waits."""
        await self._require_nothing(request)
        task = await self._find(request.path_params["task"], user_of(request.scope))
        async with self._table.holding(task.id, agent=task.agent, user=task.user) as held:
            await self._table.cancel(held)
            return _told(held)

    @_answered
    async def cancel_call(self, request: Request) -> Response:
        """`POST /v1/tasks/{task}/calls/{call}/cancel`: end one tool call; the agent goes on."""
        await self._require_nothing(request)
        task = await self._find(request.path_params["task"], user_of(request.scope))
        await self._kept.cancel_call(task, _call_id(request))
        return _told(task)

    async def _find(self, task_id: str, user: str) -> Task:
        """A task of the user with an agent that anybody may call."""
        if len(task_id) > MAX_ID:
            raise TaskNotFoundError(task_id[:64])
        task = await self._table.find(task_id, agent=None, user=user)
        if public_agent(self._host, task.agent) is None:
            raise TaskNotFoundError(task_id)
        return task

    async def _require_nothing(self, request: Request) -> None:
        body = await self._body(request)
        if body is not None and body.names():
            raise InvalidParamsError("body", "this request takes none, or an empty object")

    async def _body(self, request: Request) -> Fields | None:
        """The JSON object in the body, None if it is empty.

        The content type is asked for also where there is nothing in it: a page of another site cannot send it
        unasked.
        """
        _query(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise ContentTypeNotSupportedError(
                "send the request with the header `Content-Type: application/json`"
            )
        body = await read_body(
            request.receive,
            declared=request.headers.get("content-length", ""),
            limit=self._options.max_body_bytes,
            timeout_s=self._options.body_timeout_s,
        )
        if not body:
            return None
        try:
            return Fields(read_json(body), "body")
        except JSONTextError as error:
            raise InvalidParamsError("body", f"is no JSON: {error}") from error


def _shown(item: PendingApproval) -> JSONObject:
    record = item.task
    return {
        **question_json(item.event),
        "taskId": record.id,
        "contextId": record.key.id,
        "taskAgent": record.agent,
        "askedAt": to_timestamp(item.event.timestamp),
    }


def _told(task: Task) -> Response:
    return json_reply(
        {"taskId": task.id, "contextId": task.context_id, "state": task.state}, headers=NO_STORE
    )


def _call_id(request: Request) -> str:
    call_id: str = request.path_params["call"]
    if len(call_id) > MAX_CALL_ID:
        raise InvalidParamsError("call", f"must be at most {MAX_CALL_ID} characters long")
    return call_id


def _query(request: Request, *names: str) -> dict[str, str]:
    """The parameters; one that would have no effect, such as a name that is misspelt, is refused."""
    for name in request.query_params:
        if name not in names:
            known = f"there is {', '.join(names)}" if names else "there is none"
            raise InvalidParamsError(name[:64], f"is no parameter of this request; {known}")
    return dict(request.query_params)


def _page_size(text: str | None) -> int:
    if not text:
        return DEFAULT_PAGE
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_PAGE:
        raise InvalidParamsError("pageSize", f"must be a number between 1 and {MAX_PAGE}")
    return int(text)
