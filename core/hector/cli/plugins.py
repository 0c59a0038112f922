"""`hector plugins`."""

from __future__ import annotations

import json
from typing import Any

import attrs
import click

from hector.errors import PluginNotFoundError
from hector.plugin import PluginRecord
from hector.plugin.registry import build_registry

__all__ = ["command", "record_to_json"]


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


@click.command("plugins")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the installed plugins, broken ones included, and what they offer; NAME shows one in full."""
    records = build_registry().records
    if name is not None:
        records = tuple(record for record in records if name in (record.name, record.distribution))
        if not records:
            raise PluginNotFoundError(
                f"no plugin named {name!r} is installed", hint="hector plugins lists them all"
            )
    if as_json:
        click.echo(json.dumps([record_to_json(record) for record in records], indent=2))
    elif name is not None:
        for record in records:
            _print_one(record)
    else:
        _print_table(records)
