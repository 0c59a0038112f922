"""`hector laws`. The command line names it and never imports it: it needs the suites, and they need pytest."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

import attrs
import click

from hector.errors import UsageError
from hector.testing.laws import FAMILIES, KIT_VERSION, Law, all_laws, severity_of

__all__ = ["command", "law_to_json"]

_KINDS = sorted({family.kind for family in FAMILIES.values()})


def law_to_json(law: Law) -> dict[str, Any]:
    """Everything about a law."""
    fields = {field.name: getattr(law, field.name) for field in attrs.fields(Law)}
    return {**fields, "suite": law.suite, "kind": law.kind, "severity": severity_of(law.since)}


@click.command("laws")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--kind", type=click.Choice(_KINDS), help="Only laws for providers of one kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(ids: tuple[str, ...], kind: str | None, as_json: bool) -> None:
    """List the laws of the conformance kit; ID, such as LLM-003, shows one in full, and LLM all of that family."""
    try:
        every = all_laws()
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the laws are tests, and need {error.name}", hint="pip install 'hector[testing]'"
        ) from error
    found = [law for law in every if kind in (None, law.kind)]
    if ids:
        found = [law for id in ids for law in _chosen(found, id.upper())]
    if as_json:
        click.echo(json.dumps([law_to_json(law) for law in found], indent=2, ensure_ascii=False))
    elif ids and not {id.upper() for id in ids} & FAMILIES.keys():
        for law in found:
            _print_one(law)
    else:
        _print_all(found)


def _chosen(laws: Sequence[Law], id: str) -> list[Law]:
    found = [law for law in laws if id in (law.id, law.id.partition("-")[0])]
    if not found:
        near = difflib.get_close_matches(id, [law.id for law in laws], n=1)
        raise UsageError(
            f"there is no law {id!r}",
            hint=f"did you mean {near[0]}?" if near else "hector laws lists them all",
        )
    return found


def _print_one(law: Law) -> None:
    click.echo(f"{law.id}: {law.claim}")
    click.echo(f"  why:   {law.why}\n  to do: {law.fix}")
    click.echo(f"  of {law.suite} ({law.kind}), since {law.since}: {law.test}")
    if severity_of(law.since) == "warning":
        click.echo(
            f"  new in this version ({KIT_VERSION}): it warns, and fails from the next one on"
        )


def _print_all(laws: Sequence[Law]) -> None:
    suite = ""
    for law in laws:
        if law.suite != suite:
            click.echo(f"{'' if not suite else chr(10)}{law.suite} ({law.kind})")
            suite = law.suite
        click.echo(f"  {law.id:<9}{law.claim}")
    count = len(laws)
    click.echo(f"\n{count} law{'' if count == 1 else 's'}; hector laws ID says why, and what to do")
