"""`require_approval` on an MCP server: nothing is sent to it before a person has said yes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hector import Runtime
from hector.message import Decision, ToolCall
from hector.testing import ScriptedLLM, scripted_provider

SERVER = Path(__file__).parent / "programs" / "plain_server.py"


def calls_in(journal: Path) -> list[dict[str, Any]]:
    sent = [json.loads(line) for line in journal.read_text().splitlines()]
    return [message["params"] for message in sent if message.get("method") == "tools/call"]


@pytest.mark.parametrize("choice", ["approve", "deny"])
async def test_a_call_is_sent_once_it_is_approved_and_with_its_key(
    tmp_path: Path, choice: Any
) -> None:
    journal = tmp_path / "journal"
    box = {
        "type": "mcp",
        "command": sys.executable,
        "args": [str(SERVER), str(journal)],
        "require_approval": True,
        "approval_prompt": "Look around?",
    }
    config: dict[str, Any] = {
        "name": "app",
        "llms": {"default": {"provider": "scripted"}},
        "tools": {"box": box},
        "agents": {"boss": {}},
    }
    model = ScriptedLLM(ToolCall(id="c", name="environment", arguments={}), "done")
    async with Runtime.open(config, providers=[scripted_provider(model)], resumes=False) as runtime:
        events = [event async for event in runtime.run("boss", "go", task="t")]
        assert events[-1].outcome == "input_required"
        (pending,) = await runtime.tasks.approvals(task="t")
        approval = pending.event.approval
        assert approval is not None
        assert approval.prompt == "Look around?"
        assert calls_in(journal) == []

        decision = Decision(call_id="c", call_hash=approval.call_hash, choice=choice, by="ada")
        await runtime.tasks.decide("t", decision)
        events = [event async for event in runtime.tasks.resume("t")]

    assert (events[-2].text, events[-1].outcome) == ("done", "completed")
    keys = [event.idempotency_key for event in events if event.kind == "tool_intent"]
    sent = [params["_meta"]["hector/idempotencyKey"] for params in calls_in(journal)]
    assert sent == keys
    assert len(sent) == (1 if choice == "approve" else 0)
