"""Asking an outside system about calls that need approval, before a person is."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from typing import Any, cast

from hector.agent import AgentInvocation, misfits
from hector.config import ApprovalConfig
from hector.message import Decision, Event, JSONObject, ToolCall

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
        body = json.dumps(_asked(invocation, request, call)).encode()
        try:
            async with asyncio.timeout(self._config.webhook_timeout):
                answer = await self._post(url, body)
            return self._decision(answer, request, call)
        except TimeoutError:
            problem = f"it did not answer within {self._config.webhook_timeout:g} s"
        except Exception as error:  # noqa: BLE001 - the request border: it may break in any way
            problem = str(error) or type(error).__name__
        logger.warning("the approval webhook did not decide about %s: %s", call.name, problem)
        return None

    async def _post(self, url: str, body: bytes) -> bytes:
        """What was answered; raises `ValueError` if it cannot be a decision."""
        import httpx  # most configs have no webhook

        headers = {"Content-Type": "application/json"}
        if self._config.webhook_secret is not None:
            key = self._config.webhook_secret.reveal().encode()
            headers[SIGNATURE_HEADER] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
        # No redirects: the answer counts only if it comes from where the config says.
        async with (
            httpx.AsyncClient(timeout=self._config.webhook_timeout) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"it answered with status {answer.status_code}")
            content = b""
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > MAXIMUM_ANSWER_BYTES:
                    raise ValueError(f"its answer is longer than {MAXIMUM_ANSWER_BYTES} bytes")
            return content

    def _decision(self, answer: bytes, request: Event, call: ToolCall) -> Decision | None:
        """What was answered; raises `ValueError` if it is no decision."""
        given: object = json.loads(answer)
        # What no store takes: numbers that are none, halves of surrogate pairs.
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
        if not isinstance(given, dict):
            raise ValueError("its answer is no object")
        data = cast("dict[str, Any]", given)
        choice = data.get("decision")
        if choice == "pending":
            return None
        if choice not in ("approve", "deny", "edit"):
            raise ValueError("its answer has no `decision` of approve, deny, edit or pending")
        arguments, reason = data.get("arguments"), data.get("reason", "")
        fits = isinstance(arguments, dict) if choice == "edit" else arguments is None
        if not fits or not isinstance(reason, str):
            raise ValueError("its `arguments` or `reason` do not fit its `decision`")
        decision = Decision(
            call_id=call.id,
            call_hash=request.approval.call_hash if request.approval is not None else "",
            choice=choice,
            reason=reason,
            arguments=cast("JSONObject | None", arguments),
            by="webhook",
        )
        if request.approval is not None and (problems := misfits(request.approval, decision)):
            raise ValueError(f"its `arguments` do not fit the tool: {problems}")
        return decision


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
