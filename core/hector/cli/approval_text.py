"""A call that waits for a decision, as people and programs read it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from hector.cli.session_database import plain, shown_time
from hector.message import JSONValue
from hector.runtime.decisions import PendingApproval

__all__ = ["approval_json", "approval_lines", "argument_lines", "shown_age"]


def approval_json(pending: PendingApproval) -> dict[str, Any]:
    """All that is known about it."""
    record, event, approval = pending.task, pending.event, pending.event.approval
    return {
        "task": record.id,
        "call": pending.call.id,
        "agent": event.author,
        "user": record.key.user,
        "session": record.key.id,
        "tool": pending.call.name,
        "arguments": pending.call.arguments,
        "call_hash": approval.call_hash if approval else "",
        "prompt": approval.prompt if approval else "",
        "reason": approval.reason if approval else "policy",
        "asked_at": event.timestamp,
        "expires_at": approval.expires_at if approval else None,
    }


def approval_lines(pending: PendingApproval) -> Iterator[str]:
    """Whose it is, what would run, and what is asked."""
    record, event, approval = pending.task, pending.event, pending.event.approval
    yield f"task     {plain(record.id)}"
    yield f"call     {plain(pending.call.id)}"
    yield f"agent    {plain(event.author)}"
    yield f"session  {plain(record.key.id)} of {plain(record.key.user)}"
    yield f"tool     {plain(pending.call.name)}"
    yield from argument_lines(pending.call.arguments)
    yield f"asks     {plain(approval.prompt) if approval else ''}"
    if approval is not None and approval.reason == "in_doubt":
        yield "because  it was cut off while it ran"
    if approval is not None and approval.expires_at is not None:
        left = shown_age(approval.expires_at - time.time())
        yield f"expires  {shown_time(approval.expires_at)}, in {left}"


def argument_lines(arguments: Mapping[str, JSONValue]) -> Iterator[str]:
    """Every argument, whole: nobody should approve what they could not see."""
    for name, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        first, *rest = text.split("\n")
        yield f"  {plain(name)} = {plain(first)}"
        yield from (f"      {plain(line)}" for line in rest)


def shown_age(seconds: float) -> str:
    """Such as `3 s`, `12 min`, `5 h`, `2 d`; what is past or just now is `0 s`."""
    left = max(0.0, seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if left >= 2 * size:
            return f"{int(left / size)} {unit}"
    return f"{int(left)} s"
