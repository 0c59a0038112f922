"""`hector plugins check`."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from hector.cli.conformance_run import ConformanceRun
from hector.cli.conformance_text import print_laws
from hector.errors import PluginError, UsageError
from hector.plugin import PluginRecord
from hector.plugin.conformance import (
    ConformanceReport,
    conformance_module,
    kept_report_path,
    report_to_json,
)

__all__ = ["check"]


@click.command("check")
@click.argument("name")
@click.option("--quick", is_flag=True, help="Try a few examples of each law, in about ten seconds.")
@click.option(
    "--strict", is_flag=True, help="Fail, too, for laws that are new in this version of Hector."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--report",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report to this file, to ship it.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show what pytest says, on stderr.")
def check(
    name: str, *, quick: bool, strict: bool, as_json: bool, path: Path | None, verbose: bool
) -> int:
    """Try the laws of the conformance kit on the installed plugin NAME, in a process of its own.

    The exit code is 1 when a law fails, or is left out without a reason. The report is kept for
    `hector plugins NAME`.
    """
    record = _plugin(name)
    profile = "quick" if quick else "full"
    click.echo(f"checking {record.label}, {profile} ...", err=True)
    with tempfile.TemporaryDirectory(prefix="hector-check-") as folder:
        run = ConformanceRun(
            record=record,
            folder=Path(folder),
            profile=profile,
            is_strict=strict,
            is_verbose=verbose,
        )
        report = run.report()
    text = json.dumps(report_to_json(report), indent=2, ensure_ascii=False)
    for target in (path, _kept(record)):
        if target is not None:
            target.write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        click.echo(text)
    else:
        print_laws(report)
        _say_what_to_do(report, name)
    return 0 if report.is_passed else 1


def _plugin(name: str) -> PluginRecord:
    """The plugin, if it can be checked."""
    from hector.cli.plugins import find_plugins

    record = find_plugins(name)[0]
    if record.state != "loaded":
        raise PluginError(
            f"{record.label} cannot be checked, it is {record.state}: {record.error}",
            hint=record.remedy,
        )
    missing = [module for module in ("pytest", "hypothesis") if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"the conformance kit needs {' and '.join(missing)}",
            hint="pip install 'hector[testing]'",
        )
    if not record.providers and conformance_module(record.name) is None:
        raise PluginError(
            f"{record.label} offers no provider and brings no suites: there is nothing to check"
        )
    return record


def _kept(record: PluginRecord) -> Path | None:
    """Where the report is kept, or None where nothing may be written."""
    path = kept_report_path(record.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a"):
            return path
    except OSError:
        click.echo(f"{path} cannot be written: hector plugins will not show this report", err=True)
        return None


def _say_what_to_do(report: ConformanceReport, name: str) -> None:
    bad = [law for suite in report.suites for law in suite.laws if law.status == "fail"]
    if bad:
        click.echo(
            f"hector laws {bad[0].id} says why and what to do; "
            f"hector plugins check {name} --verbose shows what failed"
        )
