"""`hector plugins`."""

from __future__ import annotations

import json
from typing import Any

import attrs
import click

from hector.cli.conformance_text import print_summary
from hector.cli.plugins_check import check
from hector.cli.plugins_new import new
from hector.errors import PluginNotFoundError
from hector.plugin import PluginRecord
from hector.plugin.conformance import (
    ConformanceReport,
    kept_report_path,
    report_to_json,
    reports_of,
)
from hector.plugin.registry import build_registry

__all__ = ["command", "find_plugins", "record_to_json"]


def record_to_json(record: PluginRecord) -> dict[str, Any]:
    """Everything known about a plugin, as JSON."""
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "installed_version": record.installed_version,
        "module": record.module,
        "state": record.state,
        "error": record.error,
        "remedy": record.remedy,
        "api_level": record.api_level,
        "import_ms": round(record.import_s * 1000, 1),
        "providers": [
            {
                "kind": provider.kind,
                "type": provider.type,
                "summary": provider.summary,
                "capabilities": sorted(provider.capabilities),
                "settings": [field.name for field in attrs.fields(provider.settings)],
            }
            for provider in record.providers
        ],
    }


def _offered(record: PluginRecord) -> str:
    kinds: dict[str, list[str]] = {}
    for provider in record.providers:
        kinds.setdefault(provider.kind, []).append(provider.type)
    return "\n".join(f"{kind}: {', '.join(types)}" for kind, types in kinds.items())


def _print_table(records: tuple[PluginRecord, ...]) -> None:
    import sys

    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("plugin", "distribution", "state", "offers"):
        table.add_column(title, overflow="fold")
    for record in records:
        newer = (
            f"\n(installed: {record.installed_version}; restart)"
            if record.installed_version
            else ""
        )
        notes = f"{record.error}\n{record.remedy}" if record.error else _offered(record)
        table.add_row(
            record.name, f"{record.distribution} {record.version}{newer}", record.state, notes
        )
    # Not markup: error messages hold [codes in brackets]. A pipe has no width to keep to.
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def _print_one(record: PluginRecord) -> None:
    click.echo(f"{record.label}: {record.state}")
    if record.error:
        click.echo(f"  {record.error}\n  to do: {record.remedy}")
    level = record.api_level or "not stated"
    milliseconds = record.import_s * 1000
    click.echo(f"  module {record.module}, API level {level}, import {milliseconds:.0f} ms")
    for provider in record.providers:
        summary = f": {provider.summary}" if provider.summary else ""
        click.echo(f"  {provider.kind} `{provider.type}`{summary}")
        names = ", ".join(field.name for field in attrs.fields(provider.settings))
        click.echo(f"    settings: {names or 'none'}")


def find_plugins(name: str) -> tuple[PluginRecord, ...]:
    """The plugins of that name, or of the distribution of that name.

    Raises:
        PluginNotFoundError: there is none.
    """
    records = build_registry().records
    found = tuple(record for record in records if name in (record.name, record.distribution))
    if not found:
        raise PluginNotFoundError(
            f"no plugin named {name!r} is installed", hint="hector plugins lists them all"
        )
    return found


def _conformance(record: PluginRecord) -> tuple[str, ConformanceReport] | None:
    """The report to show, and where it is from: one about this version, made here before brought along."""
    reports = reports_of(record.name)
    if not reports:
        return None
    path, report = max(reports, key=lambda it: it[1].version == record.version)
    where = "made here" if path == kept_report_path(record.name) else "brought along"
    return where, report


def _print_conformance(record: PluginRecord) -> None:
    found = _conformance(record)
    if found is not None:
        print_summary(found[1], found[0], record.version)
    elif record.state == "loaded":
        click.echo(f"  conformance: not checked here; hector plugins check {record.name} does it")


class PluginCommands(click.Group):
    """Takes a word that is none of its commands for the name of a plugin to show."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; what is no command is shown."""
        if args and args[0] not in self.commands:
            return "show", show, args
        return super().resolve_command(ctx, args)


@click.group("plugins", cls=PluginCommands, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the installed plugins, broken ones included, and what they offer.

    hector plugins NAME shows one in full.
    """
    if ctx.invoked_subcommand is not None:
        return
    records = build_registry().records
    if as_json:
        click.echo(json.dumps([record_to_json(record) for record in records], indent=2))
    else:
        _print_table(records)


@command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show the plugin NAME in full, with its last conformance report; also: hector plugins NAME."""
    records = find_plugins(name)
    if as_json or (ctx.parent is not None and ctx.parent.params.get("as_json")):
        shown: list[dict[str, Any]] = []
        for record in records:
            found = _conformance(record)
            report = report_to_json(found[1]) if found is not None else None
            shown.append({**record_to_json(record), "conformance": report})
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for record in records:
        _print_one(record)
        _print_conformance(record)


command.add_command(check)
command.add_command(new)
