"""`hector checkpoints`: tasks that are under way, and what becomes of those that were interrupted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import click

from hector.cli.answer import AnswerPrinter, JsonPrinter
from hector.cli.checkpoint_text import TaskView, task_json, task_rows
from hector.cli.exchange import Exchange
from hector.cli.files import config_option, find_config
from hector.cli.log import quiet_logging
from hector.cli.prompt import has_terminal
from hector.cli.session_database import plain
from hector.cli.task_database import ACTIVE_STATES, find_task, on_tasks
from hector.errors import TaskError
from hector.message import Failure
from hector.runtime import Runtime
from hector.runtime.stored_tasks import OwnerState, StoredTasks
from hector.spi import TaskPage, TaskRecord

__all__ = ["command"]

_user_option = click.option("--user", help="Only this user's. Default: every user's.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_force_option = click.option(
    "--force", is_flag=True, help="Also if a process may be working on it; it will be refused."
)


@click.group("checkpoints")
def command() -> None:
    """Look after tasks: what is under way, what was interrupted, what waits.

    ID is a task's id, the beginning of one, or `-` for the only one that has not ended. Exit code 0 when it was
    done, 1 when not, 2 for wrong usage.
    """


@command.command("ls")
@config_option
@_user_option
@click.option("--all", "is_all", is_flag=True, help="Also those that have ended.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@click.option("--cursor", help="Go on where the page before ended.")
@_json_option
def list_checkpoints(
    *,
    config_file: Path | None,
    user: str | None,
    is_all: bool,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> int:
    """List tasks that have not ended: whether somebody works on them, and their last checkpoint."""

    async def page_of(tasks: StoredTasks) -> tuple[TaskPage, Sequence[OwnerState]]:
        states = () if is_all else ACTIVE_STATES
        page = await tasks.list(states=states, user=user, limit=limit, cursor=cursor)
        return page, await tasks.owners(page.tasks)

    page, owners = on_tasks(config_file, page_of)
    if as_json:
        rows = [task_json(*item) for item in zip(page.tasks, owners, strict=True)]
        click.echo(json.dumps({"tasks": rows, "next_cursor": page.next_cursor}, indent=2))
        return 0
    if not page.tasks:
        click.echo("No tasks.", err=True)
        return 0
    for line in task_rows(page.tasks, owners):
        click.echo(line)
    if page.next_cursor is not None:
        click.echo(f"There are more: --cursor {page.next_cursor}", err=True)
    return 0


@command.command("show")
@click.argument("id")
@config_option
@_user_option
@_json_option
def show(*, id: str, config_file: Path | None, user: str | None, as_json: bool) -> int:
    """Show the task ID: what it has recorded, what is in flight, what waits for a person."""

    async def found(tasks: StoredTasks) -> TaskView:
        record = await find_task(tasks, id, user)
        (owner,) = await tasks.owners([record])
        return TaskView(record, owner, await tasks.events(record.id))

    view = on_tasks(config_file, found)
    if as_json:
        click.echo(json.dumps(view.json(), indent=2))
        return 0
    for line in view.lines():
        click.echo(line)
    return 0


@command.command("resume")
@click.argument("id")
@config_option
@_user_option
@_force_option
@click.option("--json", "as_json", is_flag=True, help="Print every event as a line of JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing about tools on stderr.")
@click.pass_obj
def resume(
    is_debug: bool,
    /,
    *,
    id: str,
    config_file: Path | None,
    user: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go on with the task ID in this process, and print all of its answer as `hector run` does.

    Exit code as `hector run`: 0 when it was answered, 1 when not, 3 when a human must decide first.
    """
    file = find_config(config_file)
    quiet_logging(is_debug=is_debug)
    printer = JsonPrinter() if as_json else AnswerPrinter(is_quiet=quiet)

    async def go_on() -> None:
        async with Runtime.open(file, resumes=False) as runtime:
            record = await find_task(runtime.tasks, id, user)
            await _require_free(runtime.tasks, record, is_forced=force)
            exchange = Exchange(runtime, record.id, printer, asks=not as_json and has_terminal())
            await exchange.follow(runtime.tasks.resume(record.id, is_forced=force))
            await exchange.tell_waiting()

    asyncio.run(go_on())
    return printer.exit_code


@command.command("drop")
@click.argument("id")
@config_option
@_user_option
@_force_option
@click.option("--reason", default="was dropped by an operator", help="Why; its log says so.")
@_json_option
def drop(
    *,
    id: str,
    config_file: Path | None,
    user: str | None,
    force: bool,
    reason: str,
    as_json: bool,
) -> int:
    """End the task ID as canceled. What it has recorded stays in its session."""

    async def dropped(tasks: StoredTasks) -> TaskRecord:
        record = await find_task(tasks, id, user)
        await _require_free(tasks, record, is_forced=force)
        failure = Failure(code="H506", message=f"agent `{record.agent}` {reason}")
        return await tasks.close(record, "canceled", failure)

    record = on_tasks(config_file, dropped)
    if as_json:
        click.echo(json.dumps(task_json(record, "none"), indent=2))
    else:
        click.echo(f"Dropped task {plain(record.id)}.", err=True)
    return 0


async def _require_free(tasks: StoredTasks, record: TaskRecord, *, is_forced: bool) -> None:
    """Refuse what has ended, and what somebody else may be working on.

    Raises:
        TaskError: it is one of those.
    """
    if record.has_ended:
        raise TaskError(record.id, f"has ended: {record.state}")
    (owner,) = await tasks.owners([record])
    if is_forced:
        return
    if owner == "alive":
        raise TaskError(
            record.id,
            "is being worked on",
            hint="cancel it where it runs, or take it away from there with --force",
        )
    if owner == "unknown":
        raise TaskError(
            record.id,
            "may be being worked on: without `server.checkpoint` no process says that it lives",
            hint="if none does, take it over with --force",
        )
