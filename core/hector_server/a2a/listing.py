"""`ListTasks` (A2A 1.0 section 3.1.4): filters and stable pages, newest first."""

from __future__ import annotations

import base64
import binascii
import contextlib
from datetime import UTC, datetime

import attrs

from hector.message import JSONObject, JSONValue
from hector_server.a2a.message import MAX_ID
from hector_server.tasks import STATES, TaskState, TaskTable, state_of
from hector_server.wire.errors import InvalidParamsError, TaskNotFoundError
from hector_server.wire.fields import Fields

__all__ = ["list_tasks"]

DEFAULT_PAGE = 50
MAX_PAGE = 100


@attrs.frozen(kw_only=True)
class _Query:
    context_id: str
    status: str
    after_s: float | None
    page_size: int
    cursor: tuple[float, str] | None
    history_length: int | None
    with_artifacts: bool


@attrs.frozen
class _Row:
    """What of a task decides whether, and where, it is listed."""

    id: str
    context_id: str
    state: TaskState
    updated_s: float


async def list_tasks(table: TaskTable, params: Fields, *, agent: str, user: str) -> JSONObject:
    """Answer for the tasks of a user with an agent, be they in memory or not.

    A page token names the last task of its page, so that tasks that are added or change meanwhile
    neither repeat nor hide others that do not change.

    Raises:
        InvalidParamsError: a filter or the token does not fit.
    """
    query = _read(params)
    rows = await _rows(table, query, agent=agent, user=user)
    found = sorted((row for row in rows if _matches(row, query)), key=_order, reverse=True)
    rest = [row for row in found if query.cursor is None or _order(row) < query.cursor]
    page = rest[: query.page_size]
    tasks: list[JSONValue] = []
    for row in page:
        with contextlib.suppress(TaskNotFoundError):  # it was removed meanwhile
            task = await table.find(row.id, agent=agent, user=user)
            tasks.append(
                task.to_json(
                    history_length=query.history_length, with_artifacts=query.with_artifacts
                )
            )
    return {
        "tasks": tasks,
        "nextPageToken": _token(page[-1]) if len(rest) > len(page) else "",
        "pageSize": query.page_size,
        "totalSize": len(found),
    }


async def _rows(table: TaskTable, query: _Query, *, agent: str, user: str) -> list[_Row]:
    rows = {
        task.id: _Row(task.id, task.context_id, task.state, task.updated_s)
        for task in table.of(agent=agent, user=user)
    }
    if table.kept is not None:
        async for record in table.kept.rows(user=user, context_id=query.context_id):
            if record.agent == agent and record.id not in rows:
                rows[record.id] = _Row(
                    record.id, record.key.id, state_of(record), record.updated_at
                )
    return list(rows.values())


def _read(params: Fields) -> _Query:
    status = params.text("status")
    if status and status not in STATES and status != "TASK_STATE_UNSPECIFIED":
        raise InvalidParamsError("status", f"must be one of {', '.join(sorted(STATES))}")
    return _Query(
        context_id=params.text("contextId", max_length=MAX_ID),
        status="" if status == "TASK_STATE_UNSPECIFIED" else status,
        after_s=_timestamp(params),
        page_size=params.integer("pageSize", minimum=1, maximum=MAX_PAGE) or DEFAULT_PAGE,
        cursor=_cursor(params.text("pageToken", max_length=MAX_ID)),
        history_length=params.integer("historyLength", minimum=0),
        with_artifacts=params.flag("includeArtifacts"),
    )


def _matches(task: _Row, query: _Query) -> bool:
    return (
        (not query.context_id or task.context_id == query.context_id)
        and (not query.status or task.state == query.status)
        and (query.after_s is None or task.updated_s >= query.after_s)
    )


def _order(task: _Row) -> tuple[float, str]:
    return (task.updated_s, task.id)


def _token(task: _Row) -> str:
    return base64.urlsafe_b64encode(f"{task.updated_s!r} {task.id}".encode()).decode()


def _cursor(token: str) -> tuple[float, str] | None:
    if not token:
        return None
    try:
        updated, _, task_id = (
            base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(" ")
        )
        return float(updated), task_id
    except (binascii.Error, ValueError) as error:
        raise InvalidParamsError("pageToken", "is none that this server gave out") from error


def _timestamp(params: Fields) -> float | None:
    text = params.text("statusTimestampAfter", max_length=64)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidParamsError(
            "statusTimestampAfter", "must be an ISO 8601 timestamp, such as 2026-01-31T12:00:00Z"
        ) from error
