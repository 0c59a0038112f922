"""Asking an outside system about calls that need approval, before a person is."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from hector.agent import AgentInvocation
from hector.config import ApprovalConfig
from hector.message import Decision, Event, JSONObject, ToolCall

if TYPE_CHECKING:
    import httpx

__all__ = ["ConfiguredApprover"]

logger = logging.getLogger("hector.runtime")

SIGNATURE_HEADER = "X-Hector-Signature"
MAXIMUM_ANSWER_BYTES = 64 * 1024


class ConfiguredApprover:
    """Implements `hector.agent.Approver` from `server.approval`.

    The outside system gets a POST with the call as JSON and answers with JSON: `{"decision": "approve"}`, `deny` with
    a `reason`, `edit` with `arguments`, or `pending`, which leaves it to a person. Whatever else it answers, also an
    error or none in time, leaves it to a person: nothing runs because something broke.
    """

    def __init__(self, config: ApprovalConfig) -> None:
        self._config = config

    def expires_at(self) -> float | None:
        """See `Approver.expires_at`."""
        return time.time() + self._config.timeout

    async def ask(self, invocation: AgentInvocation, request: Event) -> Decision | None:
        """See `Approver.ask`."""
        url = self._config.webhook_url
        call = next((part for part in request.parts if isinstance(part, ToolCall)), None)
        if url is None or call is None or request.approval is None:
            return None
        import httpx  # most configs have no webhook

        body = json.dumps(_asked(invocation, request, call)).encode()
        headers = {"Content-Type": "application/json"}
        if self._config.webhook_secret is not None:
            key = self._config.webhook_secret.reveal().encode()
            headers[SIGNATURE_HEADER] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
        try:
            # No redirects: the answer counts only if it comes from where the config says.
            async with httpx.AsyncClient(timeout=self._config.webhook_timeout) as client:
                answer = await client.post(url, content=body, headers=headers)
            return self._decision(answer, request, call)
        except (httpx.HTTPError, ValueError) as error:
            logger.warning("the approval webhook did not decide about %s: %s", call.name, error)
            return None

    def _decision(self, answer: httpx.Response, request: Event, call: ToolCall) -> Decision | None:
        """What was answered; raises `ValueError` if it is no decision."""
        if answer.status_code != 200:
            raise ValueError(f"it answered with status {answer.status_code}")
        if len(answer.content) > MAXIMUM_ANSWER_BYTES:
            raise ValueError("its answer is too long")
        given: object = answer.json()
        if not isinstance(given, dict):
            raise ValueError("its answer is no object")
        data = cast("dict[str, Any]", given)
        choice = data.get("decision")
        if choice == "pending":
            return None
        if choice not in ("approve", "deny", "edit"):
            raise ValueError("its answer has no `decision` of approve, deny, edit or pending")
        arguments, reason = data.get("arguments"), data.get("reason", "")
        if (choice == "edit") != isinstance(arguments, dict) or not isinstance(reason, str):
            raise ValueError("its `arguments` or `reason` do not fit its `decision`")
        return Decision(
            call_id=call.id,
            call_hash=request.approval.call_hash if request.approval is not None else "",
            choice=choice,
            reason=reason,
            arguments=cast("JSONObject | None", arguments),
            by="webhook",
        )


def _asked(invocation: AgentInvocation, request: Event, call: ToolCall) -> dict[str, Any]:
    approval = request.approval
    return {
        "app": invocation.app,
        "user": invocation.user,
        "session": invocation.session,
        "invocation_id": invocation.id,
        "agent": request.author,
        "call_id": call.id,
        "tool": call.name,
        "arguments": call.arguments,
        "call_hash": approval.call_hash if approval else "",
        "prompt": approval.prompt if approval else "",
        "reason": approval.reason if approval else "policy",
        "expires_at": approval.expires_at if approval else None,
    }
