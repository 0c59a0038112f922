"""`hector plan`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from hector.cli.files import config_option, find_config
from hector.errors import ConfigError

__all__ = ["command"]

RESTART_CODE = 4

_SIGNS = {"add": ("+", "green"), "rebuild": ("~", "yellow"), "remove": ("-", "red")}


@click.command("plan")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
@click.option("--url", help="Address of the server. Default: server.host and server.port of FILE.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Compare with this config, without a server.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or the problems, as JSON.")
def command(
    file: Path | None,
    config_file: Path | None,
    url: str | None,
    against: Path | None,
    as_json: bool,
) -> int:
    """Say what a running server would do with FILE: what it adds, rebuilds and why, keeps and removes.

    The server reads the text as if it stood in the place of its own config: relative paths, extends and variables
    are those of the server. The admin token is HECTOR_ADMIN_TOKEN, also from the .env beside FILE.

    Exit code 0 when a reload would do it, 1 when the config is wrong or the server refuses, 4 when something needs
    a restart.
    """
    if url is not None and against is not None:
        raise click.UsageError("--url and --against exclude each other.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--url takes an address such as http://127.0.0.1:8080, not {url}.")
    path = find_config(file, config_file)
    try:
        plan = _compared(against, path) if against is not None else _asked(url, path)
    except ConfigError as error:
        if not as_json:
            raise
        _print_problems(path, error)
        return 1
    if as_json:
        click.echo(json.dumps(plan, indent=2))
    else:
        _print(plan)
    return RESTART_CODE if plan["needs_restart"] else 0


def _print_problems(file: Path, error: ConfigError) -> None:
    """What is wrong, as `hector validate --json` says it."""
    from hector.runtime import check_json

    name = error.diagnostics[0].file or str(file)
    click.echo(json.dumps(check_json(name, error.diagnostics), indent=2))


def _asked(url: str | None, file: Path) -> dict[str, Any]:
    from hector.cli.admin_client import admin_url, ask_plan

    plan = ask_plan(url or admin_url(file), file)
    if others := _extended(file):
        names = ", ".join(others)
        click.echo(f"note: {names} of the server were read, not those beside {file}", err=True)
    return plan


def _extended(file: Path) -> list[str]:
    """Names of the files that a config extends."""
    from hector.config import watched_files

    return [item.name for item in watched_files(file)[1:] if item.name != ".env"]


def _compared(old: Path, new: Path) -> dict[str, Any]:
    """The plan between two files, as if the one ran and the other came."""
    from hector.runtime import ReloadPlan, load_config, plan_json
    from hector.runtime.changes import compare
    from hector.runtime.plan import make_plan

    before, after = (make_plan(*load_config(path)) for path in (old, new))
    return plan_json(
        ReloadPlan(
            generation=0,
            etag=before.config.source.etag,
            changes=compare(before, after),
            warnings=after.config.warnings,
        )
    )


def _print(plan: Mapping[str, Any]) -> None:
    """The list for people; click leaves the colours out where there is no terminal."""
    for warning in plan["warnings"]:
        click.echo(
            f"warning: [{warning['code']}] {warning['path']}: {warning['message']}", err=True
        )
    for change in plan["changes"]:
        click.echo(_line(change))
    for need in plan["needs_restart"]:
        sign = click.style("!", fg="magenta", bold=True)
        click.echo(f"  {sign} {need['subject']}: needs a restart: {need['reason']}")
    click.echo(_summary(plan))


def _line(change: Mapping[str, Any]) -> str:
    sign, color = _SIGNS[change["action"]]
    notes = ""
    if change["causes"]:
        notes += f"  because of {', '.join(change['causes'])}"
    if change["is_exclusive"]:
        notes += "  (its agents pause meanwhile: what it holds, only one can hold)"
    return f"  {click.style(sign, fg=color, bold=True)} {change['path']}{notes}"


def _summary(plan: Mapping[str, Any]) -> str:
    actions = [change["action"] for change in plan["changes"]]
    counts = _counted(actions, plan["carried_over"])
    if plan["needs_restart"]:
        counts += f", {len(plan['needs_restart'])} for a restart"
    running = "" if plan["generation"] is None else f" (generation {plan['generation']} runs now)"
    if plan["is_same"] and not plan["needs_restart"]:
        return f"Nothing to do: {plan['carried_over']} carried over{running}."
    return f"Plan: {counts}{running}."


def _counted(actions: Iterable[str], carried_over: int) -> str:
    given = list(actions)
    return (
        f"{given.count('add')} to add, {given.count('rebuild')} to rebuild, "
        f"{given.count('remove')} to remove, {carried_over} carried over"
    )
