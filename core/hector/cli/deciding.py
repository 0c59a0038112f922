"""Asking the person at the terminal about a call that waits."""

from __future__ import annotations

import json
from typing import cast

import click

from hector.cli.approval_text import argument_lines
from hector.cli.approvals import decided_by
from hector.cli.prompt import Prompt
from hector.cli.session_database import plain
from hector.message import Choice, Decision, JSONObject
from hector.runtime.decisions import PendingApproval

__all__ = ["ask_person"]


async def ask_person(prompt: Prompt, pending: PendingApproval) -> Decision | None:
    """What the person decides about a call; None: they leave it waiting, with Ctrl-C or Ctrl-D."""
    _show(pending)
    while True:
        answer = await prompt.ask("Run it? [y]es, [n]o, [e]dit its arguments: ")
        match answer.strip().lower() if answer is not None else None:
            case None:
                return None
            case "y" | "yes":
                return _decision(pending, "approve")
            case "n" | "no":
                reason = await prompt.ask("Why not? (may be left empty) ")
                return None if reason is None else _decision(pending, "deny", reason=reason.strip())
            case "e" | "edit":
                written = json.dumps(pending.call.arguments, ensure_ascii=False)
                text = await prompt.ask("Arguments: ", default=written)
                if text is None:
                    return None
                if (arguments := _arguments(text)) is not None:
                    return _decision(pending, "edit", arguments=arguments)
            case _:
                _say("Answer y, n or e; Ctrl-C leaves it waiting.")


def _show(pending: PendingApproval) -> None:
    approval = pending.event.approval
    _say(f"{plain(pending.event.author)} wants to call {plain(pending.call.name)}:")
    for line in argument_lines(pending.call.arguments):
        _say(line)
    if approval is not None and approval.prompt:
        _say(plain(approval.prompt))


def _arguments(text: str) -> JSONObject | None:
    """What was written, or None, and why is said."""
    try:
        value: object = json.loads(text)
    except ValueError as error:
        _say(f"That is not JSON: {error}.")
        return None
    if not isinstance(value, dict):
        _say("The arguments must be a JSON object.")
        return None
    return cast("JSONObject", value)


def _decision(
    pending: PendingApproval,
    choice: Choice,
    *,
    reason: str = "",
    arguments: JSONObject | None = None,
) -> Decision:
    approval = pending.event.approval
    return Decision(
        call_id=pending.call.id,
        call_hash=approval.call_hash if approval is not None else "",
        choice=choice,
        reason=reason,
        arguments=arguments,
        by=decided_by(),
    )


def _say(text: str) -> None:
    click.echo(text, err=True)
