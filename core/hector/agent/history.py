"""From the log to the conversation that one agent's model sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hector.agent.branch import is_visible
from hector.message import Event, Message, Part, TextPart, ToolCall, ToolResult, text_of

__all__ = ["build_history"]


def build_history(events: Iterable[Event], *, agent: str, branch: str) -> tuple[Message, ...]:
    """The conversation as `agent` on `branch` sees it, oldest first.

    Its own answers are assistant messages, each followed by one tool message with the results in the order of the
    calls. What other agents said comes as user text that names them; their tool traffic stays out. A call without a
    result (cut off, or waiting for a human) is left out: providers refuse an unanswered call.
    """
    seen: dict[str, bool] = {}
    visible: list[Event] = []
    results: dict[str, ToolResult] = {}
    for event in events:
        place = event.branch
        shown = seen.get(place)
        if shown is None:
            shown = seen[place] = is_visible(place, seen_from=branch)
        if not shown:
            continue
        if event.kind == "tool_result":
            if event.author == agent:
                results.update(
                    (part.call_id, part) for part in event.parts if isinstance(part, ToolResult)
                )
        elif event.parts and event.kind in ("started", "message"):
            visible.append(event)
    messages: list[Message] = []
    for event in visible:
        if event.author == agent:
            _append_own(messages, event.parts, results)
        elif event.author == "user":
            messages.append(Message("user", event.parts))
        elif text := text_of(event.parts):
            messages.append(Message("user", (TextPart(f"[{event.author}]: {text}"),)))
    return tuple(messages)


def _append_own(
    messages: list[Message], parts: tuple[Part, ...], results: Mapping[str, ToolResult]
) -> None:
    answers: list[Part] = []
    is_whole = True
    for part in parts:
        if isinstance(part, ToolCall):
            result = results.get(part.id)
            if result is None:
                is_whole = False
            else:
                answers.append(result)
    if not is_whole:
        parts = tuple(
            part for part in parts if not isinstance(part, ToolCall) or part.id in results
        )
    if any(not isinstance(part, TextPart) or part.text for part in parts):
        messages.append(Message("assistant", parts))
    if answers:
        messages.append(Message("tool", tuple(answers)))
