"""Tool calls that a person has to approve, over A2A, with the official SDK's client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageConfiguration,
    SubscribeToTaskRequest,
    TaskState,
)
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError
from approval_stage import (
    Recorder,
    app_config,
    decide,
    decision_for,
    delete,
    questions_of,
    serving_app,
)
from google.protobuf.json_format import MessageToDict
from server_calls import ask, call, official_client, params, send, text_of

from hector.message import ToolCall, ToolResult
from hector.spi import LLMRequest

WAITING = TaskState.TASK_STATE_INPUT_REQUIRED
DONE = TaskState.TASK_STATE_COMPLETED


def told(request: LLMRequest) -> str:
    """What the model reads of the last tool results."""
    results = [part for part in request.messages[-1].parts if isinstance(part, ToolResult)]
    return " ".join(str(item) for part in results for item in part.content)


async def test_an_approved_call_runs_once_in_the_same_task() -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], "It is gone.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask("Delete it"))
        (question,) = questions_of(asked)

        assert asked.status.state == WAITING
        assert asked.status.message.parts[0].text == "Delete /tmp/x?"
        assert question | {"callHash": "", "expiresAt": ""} == {
            "type": "tool_approval_request",
            "callId": "c1",
            "callHash": "",
            "tool": "delete",
            "arguments": {"path": "/tmp/x"},
            "prompt": "Delete /tmp/x?",
            "reason": "policy",
            "expiresAt": "",
            "agent": "helper",
        }
        assert tool.calls == []

        done = await send(client, decide(asked, decision_for(question)))

    assert done.id == asked.id
    assert done.context_id == asked.context_id
    assert done.status.state == DONE
    assert done.artifacts[0].parts[0].text == "It is gone."
    assert tool.calls == [{"path": "/tmp/x"}]
    assert done.history[0].parts[0].text == "Delete it"
    answer = MessageToDict(done.history[1].parts[0])["data"]
    assert answer == decision_for(question)


async def test_the_model_is_told_why_a_call_was_denied_and_goes_on() -> None:
    tool = Recorder()
    async with serving_app([delete("/etc")], "I leave it.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        denial = decision_for(questions_of(asked)[0], "deny", reason="not that one")
        done = await send(client, decide(asked, denial))

    assert done.status.state == DONE
    assert done.artifacts[0].parts[0].text == "I leave it."
    assert tool.calls == []
    assert "denied and did not run" in told(app.llm.requests[-1])
    assert "not that one" in told(app.llm.requests[-1])


async def test_an_edited_call_runs_with_the_new_arguments() -> None:
    tool = Recorder()
    async with serving_app([delete("/etc")], "Done.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        edit = decision_for(questions_of(asked)[0], "edit", arguments={"path": "/tmp/y"})
        done = await send(client, decide(asked, edit))

    assert done.status.state == DONE
    assert tool.calls == [{"path": "/tmp/y"}]


async def test_an_edit_that_does_not_fit_the_tool_is_refused_and_may_be_corrected() -> None:
    """The task waits on, for the same call."""
    tool = Recorder(parameters={"properties": {"path": {"type": "string"}}, "required": ["path"]})
    async with serving_app([delete("/etc")], "Done.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        wrong = decision_for(questions_of(asked)[0], "edit", arguments={"pth": "/tmp/y"})
        with pytest.raises(UnsupportedOperationError, match="`path` is missing"):
            await send(client, decide(asked, wrong))
        right = decision_for(questions_of(asked)[0], "edit", arguments={"path": "/tmp/y"})
        done = await send(client, decide(asked, right))

    assert done.status.state == DONE
    assert tool.calls == [{"path": "/tmp/y"}]


async def test_a_mixed_batch_keeps_what_is_finished_and_takes_several_decisions_at_once() -> None:
    tool, free = Recorder(), Recorder("look", needs_approval=False)
    batch = [delete("/a", "c1"), ToolCall(id="c2", name="look", arguments={}), delete("/b", "c3")]
    async with serving_app(batch, "Done.", tools=[tool, free]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        first, second = questions_of(asked)
        assert free.calls == [{}]
        assert asked.status.message.parts[0].text == (
            "2 calls wait for a decision:\n- Delete /a?\n- Delete /b?"
        )
        done = await send(
            client, decide(asked, decision_for(first), decision_for(second, "deny", reason="no"))
        )

    assert done.status.state == DONE
    assert free.calls == [{}]
    assert tool.calls == [{"path": "/a"}]
    results = [
        part for part in app.llm.requests[-1].messages[-1].parts if isinstance(part, ToolResult)
    ]
    assert [part.call_id for part in results] == ["c1", "c2", "c3"]
    assert [part.is_error for part in results] == [False, False, True]


async def test_a_task_of_which_one_call_is_decided_waits_for_the_other() -> None:
    tool = Recorder()
    async with serving_app([delete("/a", "c1"), delete("/b", "c2")], "Done.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        first, second = questions_of(asked)
        half = await send(client, decide(asked, decision_for(second)))
        assert half.status.state == WAITING
        assert [question["callId"] for question in questions_of(half)] == ["c1"]
        assert tool.calls == [{"path": "/b"}]
        done = await send(client, decide(asked, decision_for(first)))

    assert done.status.state == DONE
    assert tool.calls == [{"path": "/b"}, {"path": "/a"}]


async def test_of_several_decisions_in_one_message_all_count_or_none() -> None:
    tool = Recorder()
    async with serving_app([delete("/a", "c1"), delete("/b", "c2")], tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        first, second = questions_of(asked)
        forged = decision_for(second) | {"callHash": first["callHash"]}
        with pytest.raises(UnsupportedOperationError, match="would run call `c2` otherwise"):
            await send(client, decide(asked, decision_for(first), forged))
        still = await client.get_task(GetTaskRequest(id=asked.id))

    assert still.status.state == WAITING
    assert len(questions_of(still)) == 2
    assert tool.calls == []


async def test_the_decided_work_streams_on_in_the_same_task() -> None:
    tool = Recorder()
    script = (["Let me ", "see.", delete("/tmp/x")], ["It is ", "gone."])
    async with serving_app(*script, tools=[tool]) as app:
        client = await official_client(app.http)
        before = [event async for event in client.send_message(ask())]
        asked = await client.get_task(GetTaskRequest(id=before[0].task.id))
        after = [
            event
            async for event in client.send_message(
                decide(asked, decision_for(questions_of(asked)[0]))
            )
        ]
        whole = await client.get_task(GetTaskRequest(id=asked.id))

    assert before[-1].status_update.status.state == WAITING
    assert text_of(before) == ["Let me ", "see."]
    assert after[0].task.id == asked.id
    assert after[0].task.status.state == TaskState.TASK_STATE_SUBMITTED
    assert after[0].task.artifacts[0].parts[0].text == "Let me see."
    assert text_of(after) == ["It is ", "gone."]
    updates = [event.artifact_update for event in after if event.HasField("artifact_update")]
    assert all(update.append for update in updates)
    assert after[-1].status_update.status.state == DONE
    kinds = [
        MessageToDict(event.status_update.metadata)["hector:event"]["kind"]
        for event in after
        if event.HasField("status_update") and event.status_update.HasField("metadata")
    ]
    assert kinds == ["decision", "tool_intent", "tool_result", "finished"]
    assert [part.text for part in whole.artifacts[0].parts] == ["Let me see.", "It is gone."]


async def test_a_message_without_a_decision_is_told_how_to_decide() -> None:
    async with serving_app([delete("/tmp/x")], tools=[Recorder()]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        with pytest.raises(InvalidParamsError, match=r"waits for decisions about calls \(`c1`\)"):
            await send(client, ask("yes, please", task_id=asked.id))
        answer = await call(app.http, "SendMessage", params("yes", taskId=asked.id))

    assert answer["error"]["code"] == -32602
    assert '{"type": "tool_approval", "callId": …' in answer["error"]["message"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            [{"data": {"type": "tool_approval", "callId": "c1"}}],
            "message.parts[0].data.decision: is required",
        ),
        (
            [{"data": {"type": "tool_approval", "decision": "allow"}}],
            "message.parts[0].data.decision: must be one of approve, deny, edit",
        ),
        (
            [{"data": {"type": "tool_approval", "decision": "edit"}}],
            "message.parts[0].data.arguments: is required to edit a call",
        ),
        (
            [{"data": {"type": "tool_approval", "decision": "approve", "arguments": {"a": 1}}}],
            "message.parts[0].data.arguments: cannot go with approve",
        ),
        (
            [{"data": {"type": "tool_approval", "decision": "deny", "because": "no"}}],
            "message.parts[0].data.because: has no meaning; there is arguments, callHash, callId, decision, reason",
        ),
        (
            [{"data": {"type": "tool_approval", "decision": "deny"}}, {"text": "please"}],
            (
                "message.parts: a message that decides about calls holds nothing else: "
                "words for the model go into `reason`"
            ),
        ),
    ],
)
async def test_a_decision_that_cannot_be_meant_is_refused(parts: object, message: str) -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        answer = await call(app.http, "SendMessage", params(taskId=asked.id, parts=parts))

    assert answer["error"]["message"] == message
    assert tool.calls == []


async def test_a_decision_survives_a_restart(tmp_path: Path) -> None:
    tool, database = Recorder(), tmp_path / "sessions.db"
    async with serving_app(["See: ", delete("/tmp/x")], tools=[tool], database=database) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask("Delete it"))
    async with serving_app("It is gone.", tools=[tool], database=database) as app:
        client = await official_client(app.http, is_streaming=False)
        again = await client.get_task(GetTaskRequest(id=asked.id))
        listed = await client.list_tasks(ListTasksRequest(status=WAITING))
        done = await send(client, decide(asked, decision_for(questions_of(again)[0])))

    assert again.status == asked.status
    assert again.artifacts == asked.artifacts
    assert again.history[0].parts == asked.history[0].parts
    assert [task.id for task in listed.tasks] == [asked.id]
    assert done.status.state == DONE
    assert [part.text for part in done.artifacts[0].parts] == ["See: ", "It is gone."]
    assert tool.calls == [{"path": "/tmp/x"}]


async def test_a_decision_survives_a_reload() -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], "It is gone.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        config = app_config(None)
        config["agents"] = {"helper": {"description": "Helps.", "instruction": "Help otherwise."}}
        report = await app.runtime.reload(config)
        assert "agents.helper" in report.rebuilt
        done = await send(client, decide(asked, decision_for(questions_of(asked)[0])))

    assert done.status.state == DONE
    assert tool.calls == [{"path": "/tmp/x"}]


async def test_another_replica_takes_the_decision(tmp_path: Path) -> None:
    tool, database = Recorder(), tmp_path / "sessions.db"
    async with (
        serving_app([delete("/tmp/x")], tools=[tool], database=database) as first,
        serving_app("It is gone.", tools=[tool], database=database) as second,
    ):
        asked = await send(await official_client(first.http, is_streaming=False), ask())
        reader = await official_client(first.http)
        stream = reader.subscribe(SubscribeToTaskRequest(id=asked.id))
        current = await anext(stream)
        done = await send(
            await official_client(second.http, is_streaming=False),
            decide(asked, decision_for(questions_of(asked)[0])),
        )
        rest = [event async for event in stream]
        seen = await reader.get_task(GetTaskRequest(id=asked.id))

    assert current.task.status.state == WAITING
    assert done.status.state == DONE
    assert text_of(rest) == ["It is gone."]
    assert rest[-1].status_update.status.state == DONE
    assert seen.artifacts == done.artifacts
    assert tool.calls == [{"path": "/tmp/x"}]


async def test_a_call_that_nobody_decides_about_in_time_counts_as_denied() -> None:
    tool = Recorder()
    server = {"approval": {"timeout": "100ms"}, "checkpoint": {"recovery": {"heartbeat": "100ms"}}}
    async with serving_app([delete("/tmp/x")], "I leave it.", tools=[tool], server=server) as app:
        client = await official_client(app.http)
        asked = [event async for event in client.send_message(ask())]
        (question,) = questions_of(await client.get_task(GetTaskRequest(id=asked[0].task.id)))
        stream = client.subscribe(SubscribeToTaskRequest(id=asked[0].task.id))
        rest = [event async for event in stream]
        with pytest.raises(UnsupportedOperationError):
            await send(client, decide(asked[0].task, decision_for(question)))

    assert rest[-1].status_update.status.state == DONE
    assert "Nobody decided in time." in told(app.llm.requests[-1])
    assert tool.calls == []


async def test_a_task_that_waits_can_be_canceled() -> None:
    tool = Recorder()
    async with serving_app([delete("/tmp/x")], tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        canceled = await client.cancel_task(CancelTaskRequest(id=asked.id))
        with pytest.raises(UnsupportedOperationError, match="has ended"):
            await send(client, decide(asked, decision_for(questions_of(asked)[0])))
        parts = [{"data": decision_for(questions_of(asked)[0])}]
        late = await call(app.http, "SendMessage", params(taskId=asked.id, parts=parts))

    assert canceled.status.state == TaskState.TASK_STATE_CANCELED
    (told,) = late["error"]["data"]
    assert (told["reason"], told["metadata"]) == ("DECISION_NOT_COUNTED", {"because": "decided"})
    assert tool.calls == []


async def test_a_task_can_be_canceled_the_moment_it_asks() -> None:
    """Its run may not have wound up by then."""
    async with serving_app([delete("/tmp/x")], tools=[Recorder()]) as app:
        client = await official_client(app.http)
        task_id = ""
        async for event in client.send_message(ask()):
            task_id = task_id or event.task.id
            if event.status_update.status.state == WAITING:
                break
        canceled = await client.cancel_task(CancelTaskRequest(id=task_id))
        waiting = await app.runtime.tasks.approvals()

    assert canceled.status.state == TaskState.TASK_STATE_CANCELED
    assert waiting == []


async def test_a_decision_may_return_before_the_work_is_done() -> None:
    tool = Recorder(waits=True)
    async with serving_app([delete("/tmp/x")], "Gone.", tools=[tool]) as app:
        client = await official_client(app.http, is_streaming=False)
        asked = await send(client, ask())
        now = SendMessageConfiguration(return_immediately=True)
        decision = decision_for(questions_of(asked)[0])
        working = await send(client, decide(asked, decision, configuration=now))
        await tool.reached.wait()
        reader = await official_client(app.http)
        stream = reader.subscribe(SubscribeToTaskRequest(id=asked.id))
        await anext(stream)
        tool.opened.set()
        rest = [event async for event in stream]

    assert working.status.state == TaskState.TASK_STATE_WORKING
    assert rest[-1].status_update.status.state == DONE
    assert json.dumps(MessageToDict(rest[-1]))
