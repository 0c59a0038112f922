"""`hector plugins check`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from hector.cli.conformance_text import print_laws
from hector.errors import PluginError, UsageError
from hector.plugin import PluginRecord
from hector.plugin.conformance import (
    ConformanceReport,
    conformance_module,
    kept_report_path,
    read_report,
    report_to_json,
)

__all__ = ["check"]

TIMEOUT_S = 900
"""How long a check may take: many times what the slowest one takes."""

# The suites are those of the plugin's module, under their own names; fixtures that stand beside them come along.
_SUITES = """\
from importlib import import_module

own = dict(vars(import_module({module!r}))) if {module!r} else {{}}
globals().update((name, value) for name, value in own.items() if not name.startswith("__"))
"""

# Providers that none of them is about get one that follows from their settings.
_DERIVED = """
from hector.testing.derived_suites import derived_suites

globals().update(derived_suites({plugin!r}, own))
"""

_TIMED_IMPORT = """\
import sys, time
import hector.plugin.registry, hector.spi
before = time.perf_counter()
__import__(sys.argv[1])
print((time.perf_counter() - before) * 1000)
"""


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
        report = _checked(record, Path(folder), profile, is_strict=strict, is_verbose=verbose)
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


def _checked(
    record: PluginRecord, folder: Path, profile: str, *, is_strict: bool, is_verbose: bool
) -> ConformanceReport:
    """Run the suites in an interpreter of their own, on nothing but themselves."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    suites = _SUITES.format(module=conformance_module(record.name))
    suites += _DERIVED.format(plugin=record.name) if record.providers else ""
    (folder / "test_conformance.py").write_text(suites)
    written = folder / "report.json"
    options = [f"--hector-profile={profile}", f"--hector-report={written}"]
    options += [f"--hector-plugin={record.name}", f"--hector-import-ms={_import_ms(record)}"]
    options += ["--hector-strict"] if is_strict else []
    plain = ["-p", "hector.testing.pytest_plugin", "-p", "no:cacheprovider", "-q", "--tb=short"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plain, *options, "test_conformance.py"],
            cwd=folder,
            env=_environment(),
            stdout=sys.stderr if is_verbose else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise PluginError(f"the suites of {record.label} took more than {TIMEOUT_S} s") from None
    # 0 and 1 are what passed and failed tests give; at anything else the suites were not even run.
    if done.returncode not in (0, 1) or not written.exists():
        said = f":\n{done.stdout.strip()}" if done.stdout else ""
        raise PluginError(f"the suites of {record.label} cannot be run{said}")
    return read_report(written)


def _environment() -> dict[str, str]:
    """That of this process for another folder, without what would change how pytest runs."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
    if path := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _import_ms(record: PluginRecord) -> float:
    """Milliseconds that importing the plugin's module takes where Hector is imported already.

    It is in the caches of the system and has bytecode: this process has imported it.
    """
    command = [sys.executable, "-c", _TIMED_IMPORT, record.module]
    said = subprocess.check_output(command, env=_environment(), text=True, timeout=TIMEOUT_S)
    return round(float(said.split()[-1]), 1)


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
