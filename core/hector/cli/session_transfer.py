"""`hector sessions export`, `import` and `mv-app`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Generator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

import attrs
import click

from hector.cli.files import config_option
from hector.cli.session_database import (
    all_sessions,
    app_option,
    find_keys,
    on_database,
    plain,
    user_option,
)
from hector.errors import SessionExistsError, SessionNotFoundError
from hector.session import export_session, read_export
from hector.session.moving import move_session
from hector.spi import SessionKey, Sessions

__all__ = ["export", "import_", "move_app"]


@click.command("export")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@config_option
@app_option
@user_option
@click.option("--all", "is_all", is_flag=True, help="All of the app, or of the user.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
def export(
    *,
    ids: tuple[str, ...],
    config_file: Path | None,
    app: str | None,
    user: str | None,
    is_all: bool,
    output: Path | None,
) -> int:
    """Write sessions as JSON Lines to stdout: events, state, times, and artifacts in every version."""
    if is_all == bool(ids):
        raise click.UsageError("Name the sessions, or all of them with --all.")

    async def write(sessions: Sessions, name: str) -> int:
        if is_all:
            keys = [item.key async for item in all_sessions(sessions, name, user)]
        else:
            keys = await find_keys(sessions, name, ids, user)
        count = 0
        with _opened(output) as file:
            for key in keys:
                try:
                    await _write(file, sessions, key)
                except SessionNotFoundError:  # deleted since it was listed
                    if not is_all:
                        raise
                else:
                    count += 1
        return count

    _tell("Exported", on_database(config_file, app, write))
    return 0


async def _write(file: BinaryIO, sessions: Sessions, key: SessionKey) -> None:
    async with aclosing(export_session(sessions, key)) as lines:
        async for line in lines:
            file.write(line.encode("ascii") + b"\n")


@contextlib.contextmanager
def _opened(output: Path | None) -> Generator[BinaryIO]:
    """Where the lines go: stdout, or a file that only its owner reads and that is there when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(
                file.fileno()
            )  # or a crash of the machine could leave an empty file under the name
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@config_option
@click.option("--app", help="Whose they will be. Default: the name of the config.")
@click.option("--skip-existing", is_flag=True, help="Leave out what is there already.")
def import_(file: BinaryIO, config_file: Path | None, app: str | None, skip_existing: bool) -> int:
    """Restore the sessions of FILE (`-` is stdin), which `hector sessions export` wrote.

    Each comes whole or not at all. One that is there already ends the import, unless --skip-existing. State under
    app: and user: is set where there is none yet. One session at a time is held in memory, with its artifacts.
    """
    others: set[str] = set()

    async def read(sessions: Sessions, name: str) -> tuple[int, int]:
        imported = skipped = 0
        exports = read_export(file)
        try:
            while (item := await asyncio.to_thread(next, exports, None)) is not None:
                key = item.session.key
                if key.app != name:
                    others.add(key.app)
                item.session.key = SessionKey(name, key.user, key.id)
                try:
                    await sessions.restore(item.session, artifacts=item.artifacts)
                    imported += 1
                except SessionExistsError as error:
                    if not skip_existing:
                        error.hint = "leave out what is there with --skip-existing"
                        raise
                    skipped += 1
        except Exception as error:
            if imported:
                error.add_note(f"{imported} of the file's sessions were imported before that")
            raise
        return imported, skipped

    imported, skipped = on_database(config_file, app, read)
    for other in sorted(others):
        click.echo(f"note: the file has sessions of app {plain(other)}", err=True)
    _tell("Imported", imported, f", left out {skipped} that were there already" if skipped else "")
    return 0


@click.command("mv-app")
@click.argument("old")
@click.argument("new", required=False)
@config_option
def move_app(old: str, new: str | None, config_file: Path | None) -> int:
    """Give the sessions of app OLD to app NEW, by default the one that the config names.

    For a config that was renamed. Stop what still runs under the old name first; a session that is written to
    meanwhile stays where it is. It may be interrupted and called again. One session at a time is held in memory,
    with its artifacts. Exit code 1 when some had to stay.
    """

    async def move(sessions: Sessions, name: str) -> tuple[int, list[str]]:
        if old == name:
            raise click.UsageError("OLD and NEW are the same app.")
        stayed: list[str] = []
        keys = [item.key async for item in all_sessions(sessions, old, None)]
        for key in reversed(keys):
            problem = await move_session(sessions, key, attrs.evolve(key, app=name))
            if problem is not None:
                stayed.append(problem)
        return len(keys) - len(stayed), stayed

    moved, stayed = on_database(config_file, new, move)
    _tell("Moved", moved)
    for problem in stayed:
        click.echo(f"error: {plain(problem)}", err=True)
    return 1 if stayed else 0


def _tell(done: str, count: int, more: str = "") -> None:
    click.echo(f"{done} {count} session{'' if count == 1 else 's'}{more}.", err=True)
