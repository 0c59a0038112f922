"""`hector sessions`: list, show and remove."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from hector.cli.files import config_option
from hector.cli.session_database import (
    all_sessions,
    app_option,
    find_keys,
    on_database,
    plain,
    shown_time,
    user_option,
)
from hector.cli.session_text import session_json, session_lines
from hector.cli.session_transfer import export, import_, move_app
from hector.spi import Session, SessionKey, SessionPage, Sessions, SessionSummary
from hector.spi.session_rules import session_not_found

__all__ = ["command"]


@click.group("sessions")
def command() -> None:
    """Look into the session database of a config, also while a server uses it.

    Exit code 0 when it was done, 1 when not, 2 for wrong usage.
    """


@command.command("ls")
@config_option
@app_option
@user_option
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="At most so many.",
)
@click.option("--cursor", help="Go on where the page before ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_sessions(
    *,
    config_file: Path | None,
    app: str | None,
    user: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> int:
    """List sessions, last used first: id, user, number of events, when it was used."""

    async def page_of(sessions: Sessions, name: str) -> SessionPage:
        return await sessions.list(name, user=user, limit=limit, cursor=cursor)

    page = on_database(config_file, app, page_of)
    if as_json:
        rows = [_summary_json(item) for item in page.sessions]
        click.echo(json.dumps({"sessions": rows, "next_cursor": page.next_cursor}, indent=2))
        return 0
    _print_table(page)
    return 0


def _print_table(page: SessionPage) -> None:
    if not page.sessions:
        click.echo("No sessions.", err=True)
        return
    rows = [("ID", "USER", "EVENTS", "USED")]
    rows += [
        (plain(it.key.id), plain(it.key.user), str(it.head), shown_time(it.updated_at))
        for it in page.sessions
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for id, user, events, used in rows:
        click.echo(f"{id:<{widths[0]}}  {user:<{widths[1]}}  {events:>{widths[2]}}  {used}")
    if page.next_cursor is not None:
        click.echo(f"There are more: --cursor {page.next_cursor}", err=True)


def _summary_json(summary: SessionSummary) -> dict[str, Any]:
    return {
        "app": summary.key.app,
        "user": summary.key.user,
        "id": summary.key.id,
        "events": summary.head,
        "created_at": summary.created_at,
        "updated_at": summary.updated_at,
    }


@command.command("show")
@click.argument("id")
@config_option
@app_option
@click.option("--user", help="Whose, when several users have a session of this id.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="At most so many events, the newest.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the events whole.")
def show(
    *,
    id: str,
    config_file: Path | None,
    app: str | None,
    user: str | None,
    last: int,
    as_json: bool,
) -> int:
    """Show the session ID: its state, its artifacts and its last events."""

    async def found(sessions: Sessions, name: str) -> Session:
        (key,) = await find_keys(sessions, name, [id], user)
        session = await sessions.load(key, last=last)
        if session is None:
            raise session_not_found(key)
        return session

    session = on_database(config_file, app, found)
    if as_json:
        click.echo(json.dumps(session_json(session), indent=2))
        return 0
    for line in session_lines(session):
        click.echo(line)
    return 0


@command.command("rm")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@config_option
@app_option
@user_option
@click.option("--all", "is_all", is_flag=True, help="All of the app, or of the user.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(
    *,
    ids: tuple[str, ...],
    config_file: Path | None,
    app: str | None,
    user: str | None,
    is_all: bool,
    yes: bool,
) -> int:
    """Remove sessions with their events and artifacts. What they shared under app: and user: stays.

    Either all of the IDs are found, or none is removed.
    """
    if is_all == bool(ids):
        raise click.UsageError("Name the sessions, or all of them with --all.")
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: confirm with --yes.")

    async def removed(sessions: Sessions, name: str) -> int:
        if is_all:
            keys = [item.key async for item in all_sessions(sessions, name, user)]
        else:
            keys = await find_keys(sessions, name, ids, user)
        if keys and not yes:
            click.confirm(_question(keys), abort=True, err=True)
        return sum([await sessions.delete(key) for key in keys])

    count = on_database(config_file, app, removed)
    click.echo(f"Removed {count} session{'' if count == 1 else 's'}.", err=True)
    return 0


def _question(keys: list[SessionKey]) -> str:
    if len(keys) == 1:
        return f"Remove session {plain(keys[0].id)} of {plain(keys[0].user)} for good?"
    return f"Remove {len(keys)} sessions for good?"


command.add_command(export)
command.add_command(import_)
command.add_command(move_app)
