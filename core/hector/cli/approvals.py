"""`hector approvals`: what waits for a decision, and deciding it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import click

from hector.cli.approval_text import approval_json, approval_lines
from hector.cli.files import config_option
from hector.cli.session_database import plain
from hector.cli.task_database import on_tasks, one_of
from hector.errors import DecisionRefusedError, TaskNotFoundError
from hector.message import Choice, Decision, JSONObject
from hector.runtime.decisions import PendingApproval
from hector.runtime.stored_tasks import StoredTasks
from hector.spi import TaskRecord

__all__ = ["command", "decided_by"]

_user_option = click.option("--user", help="Only this user's. Default: every user's.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def decided_by() -> str:
    """Who decides on this machine's command line."""
    return f"local:{getpass.getuser()}"


@click.group("approvals")
def command() -> None:
    """Decide about tool calls that wait for a person, also while a server runs.

    TASK and CALL are ids, the beginning of one, or `-` for the only one that waits. Whoever can open the session
    database may decide. Exit code 0 when it was done, 1 when not, 2 for wrong usage.
    """


@command.command("ls")
@config_option
@_user_option
@_json_option
def list_approvals(*, config_file: Path | None, user: str | None, as_json: bool) -> int:
    """List the calls that wait, by task: who asks for what, until when."""
    found = on_tasks(config_file, lambda tasks: tasks.approvals(user=user))
    if as_json:
        click.echo(json.dumps({"approvals": [approval_json(item) for item in found]}, indent=2))
        return 0
    if not found:
        click.echo("Nothing waits for a decision.", err=True)
    for at, item in enumerate(found):
        if at:
            click.echo()
        for line in approval_lines(item):
            click.echo(line)
    return 0


@command.command("show")
@click.argument("task")
@click.argument("call", default="-")
@config_option
@_user_option
@_json_option
def show(*, task: str, call: str, config_file: Path | None, user: str | None, as_json: bool) -> int:
    """Show what would run if CALL of TASK was approved."""
    found = on_tasks(config_file, lambda tasks: _found(tasks, task, call, user))
    if as_json:
        click.echo(json.dumps(approval_json(found), indent=2))
        return 0
    for line in approval_lines(found):
        click.echo(line)
    return 0


def _deciding(function: Callable[..., int]) -> Callable[..., int]:
    """What the three decisions take."""
    for option in reversed((
        click.argument("task"),
        click.argument("call", default="-"),
        config_option,
        _user_option,
        click.option(
            "--call-hash",
            help="Decide only if the call is still the one with this `call_hash`, as `show --json` prints it.",
        ),
        _json_option,
    )):  # fmt: skip
        function = option(function)
    return function


@command.command("approve")
@_deciding
@click.option("--reason", default="", help="Why, for the record.")
def approve(**given: Any) -> int:
    """Let CALL of TASK run, as it was shown."""
    return _decide("approve", **given)


@command.command("deny")
@_deciding
@click.option("--reason", default="", help="Why; the agent is told, and goes on without it.")
def deny(**given: Any) -> int:
    """Do not let CALL of TASK run. The agent is told, and goes on."""
    return _decide("deny", **given)


@command.command("edit")
@_deciding
@click.option(
    "--arguments",
    required=True,
    help="All of them, as a JSON object; `-` reads it from stdin.",
)
@click.option("--reason", default="", help="Why, for the record.")
def edit(*, arguments: str, **given: Any) -> int:
    """Let CALL of TASK run with other arguments than the agent gave."""
    return _decide("edit", arguments=_arguments(arguments), **given)


def _arguments(text: str) -> JSONObject:
    try:
        value: object = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise click.BadParameter(f"it is not JSON: {error}", param_hint="'--arguments'") from error
    if not isinstance(value, dict):
        raise click.BadParameter("it is not a JSON object", param_hint="'--arguments'")
    return cast("JSONObject", value)


def _decide(
    choice: Choice,
    *,
    task: str,
    call: str,
    config_file: Path | None,
    user: str | None,
    call_hash: str | None,
    as_json: bool,
    reason: str,
    arguments: JSONObject | None = None,
) -> int:
    async def decide(tasks: StoredTasks) -> tuple[PendingApproval, TaskRecord, int]:
        pending = await _found(tasks, task, call, user)
        shown = pending.event.approval.call_hash if pending.event.approval is not None else ""
        decision = Decision(
            call_id=pending.call.id,
            call_hash=call_hash or shown,
            choice=choice,
            reason=reason,
            arguments=arguments,
            by=decided_by(),
        )
        record = await tasks.decide(pending.task.id, decision, user=user)
        return pending, record, len(await tasks.approvals(task=record.id))

    pending, record, left = on_tasks(config_file, decide)
    if as_json:
        done = {"task": record.id, "call": pending.call.id, "decision": choice, "waiting": left}
        click.echo(json.dumps(done | {"state": record.state}, indent=2))
    else:
        _tell(choice, pending, left)
    return 0


_DONE: dict[Choice, str] = {"approve": "Approved", "deny": "Denied", "edit": "Edited and approved"}


def _tell(choice: Choice, pending: PendingApproval, left: int) -> None:
    task = plain(pending.task.id)
    click.echo(f"{_DONE[choice]} {plain(pending.call.name)} of task {task}.", err=True)
    if left:
        calls = "1 other call waits" if left == 1 else f"{left} other calls wait"
        click.echo(f"{calls} in it: hector approvals ls", err=True)
    click.echo(
        "A server with this config goes on with it within a heartbeat. If none runs: "
        f"hector checkpoints resume {task}",
        err=True,
    )


async def _found(tasks: StoredTasks, task: str, call: str, user: str | None) -> PendingApproval:
    """The waiting call that is meant.

    Raises:
        TaskNotFoundError: no task of that id has one.
        DecisionRefusedError: the task does not wait for that call.
        UsageError: several fit.
    """
    waiting = await _waiting(tasks, task, user)
    by_call = {pending.call.id: pending for pending in waiting}
    try:
        return by_call[one_of("call", call, by_call)]
    except LookupError:
        raise DecisionRefusedError(
            waiting[0].task.id,
            f"does not wait for call `{plain(call)}`",
            because="unknown",
            hint="`hector approvals ls` lists what waits",
        ) from None


async def _waiting(tasks: StoredTasks, task: str, user: str | None) -> Sequence[PendingApproval]:
    """What waits in the task that is meant; at least one call."""
    try:
        found = await tasks.approvals(task=task, user=user) if task != "-" else ()
        is_known = task != "-"
    except TaskNotFoundError:
        found, is_known = (), False
    if not is_known:
        by_task: dict[str, list[PendingApproval]] = {}
        for pending in await tasks.approvals(user=user):
            by_task.setdefault(pending.task.id, []).append(pending)
        try:
            found = by_task[one_of("task", task, by_task)]
        except LookupError:
            raise TaskNotFoundError(
                plain(task), "does not exist, or waits for nothing", hint=_LIST
            ) from None
    if not found:
        raise DecisionRefusedError(
            task,
            "waits for no decision: it was decided, has expired, or runs",
            because="decided",
            hint=_LIST,
        )
    return found


_LIST = "`hector approvals ls` lists what waits"
