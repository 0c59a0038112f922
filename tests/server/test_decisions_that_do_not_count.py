"""Decisions that are forged, late, double, or about somebody else's call change nothing, whichever way they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
from approval_stage import Recorder, app_config, data_json, decision_for
from hypothesis import given, settings
from hypothesis import strategies as st
from server_calls import call, params

from hector import Runtime
from hector.message import ToolCall, hash_call
from hector.spi import LLMRequest
from hector.testing import ScriptedLLM, scripted_provider
from hector.testing.scripted import FixedReply, Reply
from hector_server import create_app

ANOTHER = ToolCall(id="c1", name="delete", arguments={"path": "/"})


class Script:
    """What the model says, which may be added to."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)

    def say(self, *replies: Reply) -> None:
        """Say this next."""
        self._replies[:0] = replies

    def __call__(self, _: LLMRequest) -> FixedReply:
        reply = self._replies.pop(0)
        assert not callable(reply)
        return reply


@attrs.frozen
class Waiting:
    """A task that waits for two decisions."""

    http: httpx.AsyncClient
    runtime: Runtime
    tool: Recorder
    llm: Script
    task: dict[str, Any]

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [part["data"] for part in self.task["status"]["message"]["parts"][1:]]

    async def state(self) -> str:
        answer = await call(self.http, "GetTask", {"id": self.task["id"]})
        return str(answer["result"]["status"]["state"])


@asynccontextmanager
async def waiting() -> AsyncGenerator[Waiting]:
    tool = Recorder()
    batch = [
        ToolCall(id="c1", name="delete", arguments={"path": "/a"}),
        ToolCall(id="c2", name="delete", arguments={"path": "/b"}),
    ]
    script = Script(batch, "Done.", "Done.")
    async with Runtime.open(
        app_config(None),
        env={},
        providers=(scripted_provider(ScriptedLLM(*[script] * 4)),),
        direct_tools={"helper": (tool,)},
    ) as runtime:
        app = create_app(runtime)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as http,
        ):
            answer = await call(http, "SendMessage", params())
            yield Waiting(http, runtime, tool, script, answer["result"]["task"])


Forgery = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _set(**changes: Any) -> Forgery:
    return lambda decision, _: {**decision, **changes}


FORGERIES: dict[str, Forgery] = {
    "no hash": lambda decision, _: {k: v for k, v in decision.items() if k != "callHash"},
    "empty hash": _set(callHash=""),
    "hash of other arguments": _set(callHash=hash_call(ANOTHER)),
    "hash of another call": lambda decision, other: {**decision, "callHash": other["callHash"]},
    "call id of another call": lambda decision, other: {**decision, "callId": other["callId"]},
    "hash cut short": lambda decision, _: {**decision, "callHash": decision["callHash"][:-1]},
    "hash in capitals": lambda decision, _: {**decision, "callHash": decision["callHash"].upper()},
    "unknown call": _set(callId="c3"),
    "no call": _set(callId=""),
    "approves with arguments": _set(decision="approve", arguments={"path": "/"}),
    "denies with arguments": _set(decision="deny", arguments={"path": "/"}),
    "edits without arguments": _set(decision="edit"),
    "edits with a list": _set(decision="edit", arguments=["/"]),
    "another choice": _set(decision="APPROVE"),
    "no choice": _set(decision=None),
    "says who decides": _set(by="admin"),
    "says whose task": _set(user="somebody"),
    "reason of numbers": _set(decision="deny", reason=1),
}


async def by_a2a(stage: Waiting, *decisions: dict[str, Any]) -> bool:
    """Whether it counts."""
    parts = [data_json(item) for item in decisions]
    answer = await call(stage.http, "SendMessage", params(taskId=stage.task["id"], parts=parts))
    return "result" in answer


async def by_rest(stage: Waiting, decision: dict[str, Any]) -> bool:
    """Whether it counts."""
    body = {name: value for name, value in decision.items() if name not in ("type", "callId")}
    path = f"/v1/tasks/{stage.task['id']}/approvals/{decision['callId'] or '-'}"
    answer = await stage.http.post(path, json=body)
    assert answer.is_success or 400 <= answer.status_code < 500
    return answer.is_success


@given(
    st.lists(st.sampled_from(sorted(FORGERIES)), min_size=1, max_size=4),
    st.integers(0, 1),
    st.booleans(),
    st.sampled_from(["approve", "deny"]),
)
@settings(max_examples=25)
async def test_a_forged_decision_never_counts_and_hinders_no_right_one(
    forgeries: list[str], which: int, is_rest: bool, choice: str
) -> None:
    async with waiting() as stage:
        question, other = stage.questions[which], stage.questions[1 - which]
        for name in forgeries:
            forged = FORGERIES[name](decision_for(question, choice), other)
            assert not await (by_rest(stage, forged) if is_rest else by_a2a(stage, forged)), name
        assert await stage.state() == "TASK_STATE_INPUT_REQUIRED"
        assert stage.tool.calls == []
        assert len(await stage.runtime.tasks.approvals()) == 2

        assert await by_a2a(stage, decision_for(question, choice), decision_for(other, "deny"))
        assert await stage.state() == "TASK_STATE_COMPLETED"
        allowed = [question["arguments"]] if choice == "approve" else []
        assert stage.tool.calls == allowed
        for name in forgeries:
            forged = FORGERIES[name](decision_for(question, choice), other)
            assert not await by_a2a(stage, forged), name
        assert not await by_a2a(stage, decision_for(question, choice))
        assert stage.tool.calls == allowed


async def test_of_many_decisions_at_once_about_one_call_one_counts() -> None:
    async with waiting() as stage:
        first, second = stage.questions
        approve, deny = decision_for(first), decision_for(first, "deny")
        counted = await asyncio.gather(
            *(by_a2a(stage, item) for item in [approve, deny, approve]),
            *(by_rest(stage, item) for item in [deny, approve, deny]),
        )
        assert counted.count(True) == 1
        assert await by_a2a(stage, decision_for(second))
        assert await stage.state() == "TASK_STATE_COMPLETED"

    assert len(stage.tool.calls) in (1, 2)
    assert stage.tool.calls.count({"path": "/b"}) == 1


async def test_a_decision_twice_in_one_message_counts_not_even_once() -> None:
    async with waiting() as stage:
        approve = decision_for(stage.questions[0])
        assert not await by_a2a(stage, approve, approve)
        assert await stage.state() == "TASK_STATE_INPUT_REQUIRED"


async def test_nobody_sees_or_touches_the_tasks_of_another_user() -> None:
    """The server knows one user; another's task looks to that one as if it were not there."""
    batch = [ToolCall(id="c1", name="delete", arguments={"path": "/hers"})]
    async with waiting() as stage:
        stage.llm.say(batch)
        async for _ in stage.runtime.run("helper", "Go", user="ada", session="s", task="hers"):
            pass
        (pending,) = await stage.runtime.tasks.approvals(user="ada")
        assert pending.event.approval is not None
        decision = {
            "type": "tool_approval",
            "callId": "c1",
            "callHash": pending.event.approval.call_hash,
            "decision": "approve",
        }
        hers = attrs.evolve(stage, task={"id": "hers"})
        listed = (await stage.http.get("/v1/approvals")).json()["approvals"]
        answers = [
            await call(stage.http, method, {"id": "hers"})
            for method in ("GetTask", "CancelTask", "SubscribeToTask")
        ]
        unknown = await call(stage.http, "GetTask", {"id": "nobodys"})
        tasks = await call(stage.http, "ListTasks", {})
        one = await stage.http.get("/v1/approvals", params={"taskId": "hers"})
        cancel = await stage.http.post(
            "/v1/tasks/hers/cancel", headers={"Content-Type": "application/json"}
        )

        assert not await by_a2a(hers, decision)
        assert not await by_rest(hers, decision)
        assert {item["taskId"] for item in listed} == {stage.task["id"]}
        assert [task["id"] for task in tasks["result"]["tasks"]] == [stage.task["id"]]
        assert [answer["error"]["code"] for answer in answers] == [-32001] * 3
        assert {answer["error"]["message"] for answer in answers} == {"task `hers` is not known"}
        assert unknown["error"]["message"] == "task `nobodys` is not known"
        assert (one.status_code, cancel.status_code) == (404, 404)
        assert (await stage.runtime.tasks.get("hers")).state == "waiting"
    assert stage.tool.calls == []
