"""The errors of A2A 1.0 and of JSON-RPC 2.0, with their codes and details on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hector.message import JSONObject, JSONValue

__all__ = [
    "A2AError",
    "BusyError",
    "ContentTypeNotSupportedError",
    "DecisionNotCountedError",
    "ExtendedAgentCardNotConfiguredError",
    "InternalError",
    "InvalidParamsError",
    "InvalidRequestError",
    "MethodNotFoundError",
    "ParseError",
    "PushNotificationNotSupportedError",
    "TaskNotCancelableError",
    "TaskNotFoundError",
    "UnsupportedOperationError",
    "VersionNotSupportedError",
]

DOMAIN = "a2a-protocol.org"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class A2AError(Exception):
    """A request is answered with an error (A2A 1.0 sections 3.3.2 and 5.4).

    Attributes:
        code: of JSON-RPC.
        reason: of the `ErrorInfo` detail.
        status: of the HTTP response.
        message: for people.
        metadata: of the `ErrorInfo` detail.
    """

    code: ClassVar[int] = -32603
    reason: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 200

    def __init__(self, message: str, *, metadata: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata or {}

    def details(self) -> Sequence[JSONObject]:
        """What stands in `data`: typed details, an `ErrorInfo` first (section 9.5)."""
        return [
            {
                "@type": ERROR_INFO,
                "reason": self.reason,
                "domain": DOMAIN,
                "metadata": self.metadata,
            }
        ]

    def to_json(self) -> JSONObject:
        """The `error` member of a JSON-RPC response."""
        return {"code": self.code, "message": self.message, "data": self.details()}


class ParseError(A2AError):
    """The body is no JSON."""

    code = -32700
    reason = "PARSE_ERROR"


class InvalidRequestError(A2AError):
    """The body is no JSON-RPC request.

    Attributes:
        request_id: what could be found of it.
    """

    code = -32600
    reason = "INVALID_REQUEST"

    def __init__(self, message: str, *, request_id: str | float | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class MethodNotFoundError(A2AError):
    """There is no such method."""

    code = -32601
    reason = "METHOD_NOT_FOUND"


class InvalidParamsError(A2AError):
    """A parameter is missing or does not fit.

    Attributes:
        field: where, such as `message.parts[0].raw`.
    """

    code = -32602
    reason = "INVALID_PARAMS"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

    def details(self) -> Sequence[JSONObject]:
        """An `ErrorInfo`, and a `BadRequest` that names the field."""
        violation: JSONValue = {"field": self.field, "description": self.problem}
        return [*super().details(), {"@type": BAD_REQUEST, "fieldViolations": [violation]}]


class InternalError(A2AError):
    """The server broke; the log says why."""


class BusyError(A2AError):
    """The server takes no new work at the moment."""

    code = -32000
    reason = "BUSY"
    status = 503


class TaskNotFoundError(A2AError):
    """No such task for this agent and caller, or it was forgotten."""

    code = -32001
    reason = "TASK_NOT_FOUND"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task `{task_id}` is not known", metadata={"taskId": task_id})


class TaskNotCancelableError(A2AError):
    """The task has ended."""

    code = -32002
    reason = "TASK_NOT_CANCELABLE"


class PushNotificationNotSupportedError(A2AError):
    """Push notifications are not offered."""

    code = -32003
    reason = "PUSH_NOTIFICATION_NOT_SUPPORTED"


class UnsupportedOperationError(A2AError):
    """The task, in its state, does not allow this."""

    code = -32004
    reason = "UNSUPPORTED_OPERATION"


class DecisionNotCountedError(A2AError):
    """A decision about a tool call does not count; nothing was changed.

    Attributes:
        because: see `hector.errors.DecisionRefusedError`.
    """

    code = -32004
    reason = "DECISION_NOT_COUNTED"

    def __init__(self, message: str, *, because: str) -> None:
        super().__init__(message, metadata={"because": because})
        self.because = because


class ContentTypeNotSupportedError(A2AError):
    """The agent does not read this media type."""

    code = -32005
    reason = "CONTENT_TYPE_NOT_SUPPORTED"


class ExtendedAgentCardNotConfiguredError(A2AError):
    """There is only one card."""

    code = -32007
    reason = "EXTENDED_AGENT_CARD_NOT_CONFIGURED"


class VersionNotSupportedError(A2AError):
    """The client speaks another version of A2A."""

    code = -32009
    reason = "VERSION_NOT_SUPPORTED"
