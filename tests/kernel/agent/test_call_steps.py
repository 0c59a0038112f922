"""What is done about a call that a crash cut off."""

from __future__ import annotations

from hector.agent.call_steps import next_step
from hector.message import Event, ToolCall


def test_a_call_whose_tool_is_gone_is_in_doubt() -> None:
    """Nobody is left who knows what a second run would do, or that there was none."""
    call = ToolCall(id="c", name="pay", arguments={"sum": 3})
    intent = Event(
        id="1",
        kind="tool_intent",
        invocation_id="i",
        author="main",
        parts=(call,),
        idempotency_key="i.1:c",
    )

    step = next_step(call, None, [intent], now=0.0)

    assert (step.next, step.is_in_doubt, step.key) == ("ask", True, "i.1:c")
