"""`hector plugins` and `hector version`: what is installed, the broken included."""

from __future__ import annotations

import json
import platform
import re

import pytest
from cli_terminal import Terminal

from hector import __version__

BROKEN = "raise RuntimeError('no [key] for :smile:')\n"
TODO = "repair or remove it (pip uninstall hector-plugin-broken), or list it in plugins.disable"


def test_the_table_names_every_plugin_and_why_one_is_broken(slow: Terminal) -> None:
    """Brackets in an error are text. What leaves the terminal has no colour and no narrow columns."""
    slow.install("broken", BROKEN)
    done = slow.run("plugins")

    lines = [re.sub(r" {2,}", " | ", line.rstrip()) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert f"std | hector {__version__} | loaded | llm: offline, auto, router" in lines
    assert "slow | hector-plugin-slow 1.0 | loaded | llm: slow" in lines
    assert (
        "broken | hector-plugin-broken 1.0 | failed | RuntimeError: no [key] for :smile:" in lines
    )
    assert TODO in done.stdout
    assert "\x1b" not in done.stdout


def test_json_holds_everything(slow: Terminal) -> None:
    slow.install("broken", BROKEN)
    done = slow.run("plugins", "--json")
    records = {record["name"]: record for record in json.loads(done.stdout)}

    broken = records["broken"]
    assert (done.returncode, done.stderr) == (0, "")
    assert (broken["state"], broken["error"], broken["remedy"], broken["providers"]) == (
        "failed",
        "RuntimeError: no [key] for :smile:",
        TODO,
        [],
    )
    assert records["slow"]["state"] == "loaded"
    assert records["slow"]["version"] == "1.0"
    assert records["slow"]["providers"] == [
        {"kind": "llm", "type": "slow", "summary": "", "capabilities": [], "settings": ["fails"]}
    ]


def test_one_plugin_is_shown_in_full(slow: Terminal) -> None:
    """By its name or by that of its distribution."""
    done = slow.run("plugins", "hector-plugin-slow")
    first, second, *rest = done.stdout.splitlines()

    assert first == "slow (hector-plugin-slow 1.0): loaded"
    assert second.startswith("  module hector_plugin_slow, API level not stated, import ")
    assert rest == [
        "  llm `slow`",
        "    settings: fails",
        "  conformance: not checked here; hector plugins check slow does it",
    ]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_plugin_that_is_not_there_is_a_failed_check(terminal: Terminal, form: list[str]) -> None:
    done = terminal.run("plugins", "nobody", *form)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: [H205] no plugin named 'nobody' is installed\n  hint: hector plugins lists them all\n"
    )


def test_version_tells_what_it_runs_on(terminal: Terminal) -> None:
    told = json.loads(terminal.run("version", "--json").stdout)
    lines = terminal.run("version").stdout.splitlines()

    assert told["hector"] == __version__
    assert told["python"] == platform.python_version()
    assert lines == [f"{name} {value}" for name, value in told.items()]
