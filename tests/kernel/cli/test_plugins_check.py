"""`hector plugins check`: laws on an installed plugin, the report, and where it is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import attrs
import pytest
from cli_terminal import SLOW_PLUGIN, Terminal
from hector_forks import HectorForks

from hector import __version__

BARE = "# It offers nothing that laws could be derived for.\n"

SUITES = '''
from contextlib import asynccontextmanager

import pytest

from hector.message import ToolCall
from hector.testing import LLMSuite, ScriptedLLM


def answer(request):
    if request.tools:
        return ToolCall(id=f"call-{id(request)}-{next(NUMBERS)}", name=request.tools[0].name)
    return "one two three"


NUMBERS = iter(range(1000))


@pytest.fixture(autouse=True)
def around():
    """Comes along, as it stands beside the classes."""
    print("a fixture of the module")


class TestModel(LLMSuite):
    """The model of this test."""

    waived = {"LLM-009": "it is never closed"}

    @asynccontextmanager
    async def open(self):
        yield ScriptedLLM(*[answer] * 20, model=MODEL)
'''

GOOD = SUITES.replace("MODEL)", "'slow')")
BAD = SUITES.replace("MODEL)", "'')")


@pytest.fixture
def plugin(terminal: Terminal) -> Terminal:
    """A plugin whose suites all hold, and a folder for reports."""
    terminal.install("slow", BARE, suites=GOOD)
    return terminal


def kept(terminal: Terminal) -> Path:
    return terminal.folder / "reports" / "slow.json"


@attrs.frozen
class Checked:
    """A plugin that was checked once, for tests that only look."""

    terminal: Terminal
    shown_before: str
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory, hector_forks: HectorForks) -> Checked:
    terminal = Terminal(tmp_path_factory.mktemp("checked"), hector_forks)
    terminal.install("slow", BARE, suites=GOOD)
    before = terminal.run("plugins", "slow").stdout
    done = terminal.run("plugins", "check", "slow", "--quick", "--report", "slow.conformance.json")
    return Checked(terminal, before, done)


def test_every_law_is_printed_with_its_status_and_the_report_is_written(checked: Checked) -> None:
    done, folder = checked.done, checked.terminal.folder

    assert (done.returncode, done.stderr) == (
        0,
        "checking slow (hector-plugin-slow 1.0), quick ...\n",
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "hector_plugin_slow_suites:TestModel: The model of this test."
    assert lines[1].startswith("  ok             0.")
    assert lines[1].endswith(" s  LLM-001  A model says its `model` and its `provider`.")
    assert lines[9].endswith("answers the next request. (it is never closed)")
    assert lines[-1].startswith("10 pass, 1 waived in ")
    report = json.loads((folder / "slow.conformance.json").read_text())
    assert report == json.loads(kept(checked.terminal).read_text())
    assert [report[key] for key in ("plugin", "distribution", "version", "hector", "profile")] == [
        "slow", "hector-plugin-slow", "1.0", __version__, "quick",
    ]  # fmt: skip
    assert 0 < report["import_ms"] < 10_000
    assert not (folder / ".hypothesis").exists()


def test_the_last_report_is_shown_with_the_plugin(checked: Checked) -> None:
    after = checked.terminal.run("plugins", "slow").stdout.splitlines()
    shown = json.loads(checked.terminal.run("plugins", "slow", "--json").stdout)

    assert checked.shown_before.splitlines()[-1] == (
        "  conformance: not checked here; hector plugins check slow does it"
    )
    assert after[-2].startswith("  conformance: 10 pass, 1 waived (kit 0.1, quick, 20")
    assert after[-2].endswith(", made here)")
    assert after[-1].startswith("    waived: LLM-009  ")
    assert shown[0]["conformance"] == json.loads(kept(checked.terminal).read_text())


def test_a_shipped_report_is_shown_where_none_was_made(plugin: Terminal, checked: Checked) -> None:
    """And so is that it is about another version."""
    target = plugin.folder / "site" / "slow.conformance.json"
    target.write_text((checked.terminal.folder / "slow.conformance.json").read_text())

    (line,) = (it for it in plugin.run("plugins", "slow").stdout.splitlines() if "kit" in it)
    assert line.startswith("  conformance: 10 pass, 1 waived")
    assert line.endswith(", brought along)")
    target.write_text(target.read_text().replace('"version": "1.0"', '"version": "0.9"'))
    (line,) = (it for it in plugin.run("plugins", "slow").stdout.splitlines() if "kit" in it)
    assert line.startswith("  conformance of version 0.9: 10 pass")
    target.write_text("{}")
    assert "not checked here" in plugin.run("plugins", "slow").stdout


def test_a_law_that_fails_is_a_failed_check(terminal: Terminal) -> None:
    terminal.install("slow", BARE, suites=BAD)
    done = terminal.run("plugins", "check", "slow", "--quick")
    loud = terminal.run("plugins", "check", "slow", "--quick", "-v")

    assert done.returncode == loud.returncode == 1
    (failed,) = (line for line in done.stdout.splitlines() if line.startswith("  fail "))
    assert "LLM-001  A model says its `model`" in failed
    assert "(AssertionError" in failed
    assert done.stdout.splitlines()[-1] == (
        "hector laws LLM-001 says why and what to do; "
        "hector plugins check slow --verbose shows what failed"
    )
    assert "assert opened.component.model" not in done.stderr
    assert "assert opened.component.model" in loud.stderr
    assert "to do: Set both attributes" in loud.stderr


def test_a_law_that_is_left_out_is_a_failed_check(terminal: Terminal) -> None:
    skipping = GOOD.replace("class TestModel", "@pytest.mark.skip(reason='no')\nclass TestModel")
    terminal.install("slow", BARE, suites=skipping)
    done = terminal.run("plugins", "check", "slow", "--quick", "--json")

    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report == json.loads(kept(terminal).read_text())
    assert report["totals"] == {"waived": 1, "not run": 10}
    (law,) = (law for law in report["suites"][0]["laws"] if law["id"] == "LLM-002")
    assert (law["status"], law["reason"]) == ("not run", "no")


@pytest.mark.parametrize(
    ("suites", "words"),
    [
        (None, "offers no provider and brings no suites: there is nothing to check"),
        ("import nothing_of_the_kind\n", "No module named 'nothing_of_the_kind'"),
        ("", "the suites of slow (hector-plugin-slow 1.0) cannot be run"),
        (
            GOOD.replace("waived = ", "test_has_names = None; kept = "),
            "overrides test_has_names, which is the law LLM-001",
        ),
    ],
)
def test_suites_that_cannot_be_run_are_an_error_that_says_why(
    terminal: Terminal, suites: str | None, words: str
) -> None:
    terminal.install("slow", BARE, suites=suites)
    done = terminal.run("plugins", "check", "slow")

    assert (done.returncode, done.stdout) == (1, "")
    assert "error: [H200] " in done.stderr
    assert words in done.stderr
    assert not kept(terminal).exists()


DERIVED = """
from pathlib import Path
from typing import Annotated

import attrs

from hector.errors import UsageError
from hector.plugin import hookimpl
from hector.spi import Chunk, Doc, Provider, Range


@attrs.frozen(kw_only=True)
class PieceSettings:
    size: Annotated[int, Doc("characters of a piece"), Range(minimum=1)] = 10


@attrs.frozen
class Pieces:
    settings: PieceSettings

    def chunk(self, document):
        if document.text.strip():
            yield Chunk(text=document.text, index=0, start_line=1, end_line=1)


@hookimpl
def hector_chunkers():
    return [
        Provider(
            kind="chunker", type="pieces", settings=PieceSettings, summary="whole documents",
            create=lambda settings, context: Pieces(settings),
        )
    ]


@attrs.frozen(kw_only=True)
class ShelfSettings:
    path: Annotated[Path, Doc("a file")]


def open_shelf(settings, context):
    raise UsageError(f"there is no file {settings.path.name}")


@hookimpl
def hector_document_sources():
    return [
        Provider(
            kind="document_source", type="shelf", settings=ShelfSettings, summary="a file",
            create=open_shelf,
        )
    ]
"""


def test_a_plugin_without_suites_is_under_the_laws_of_every_provider(terminal: Terminal) -> None:
    """With settings that follow from its classes; where they do not suffice, nothing is passed over in silence."""
    terminal.install("slow", DERIVED)
    done = terminal.run("plugins", "check", "slow", "--quick")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    pieces = lines.index(
        "derived:TestDerivedChunkerPieces: chunker `pieces`: settings follow from PieceSettings."
    )
    assert all(line.startswith("  ok  ") for line in lines[pieces + 1 : pieces + 15])
    assert lines[-2] == (
        "slow brings no suites of its own: tried were the laws of every provider, with settings that"
        " follow from their classes"
    )
    left_out = [line for line in lines if line.startswith("  left out")]
    reason = (
        "(settings that open it do not follow from ShelfSettings (UsageError: [H001] there is no file a):"
        " write a ProviderSuite whose `setups` gives some)"
    )
    assert {line[25:32] for line in left_out} == {f"PLG-{it:03}" for it in (4, *range(6, 13))}
    assert all(line.endswith(reason) for line in left_out)
    assert lines[-1].startswith("20 pass, 8 not run in ")


def test_a_plugin_that_is_broken_or_not_there_cannot_be_checked(terminal: Terminal) -> None:
    terminal.install("slow", "raise RuntimeError('no')\n", suites=GOOD)

    broken, nobody = (terminal.run("plugins", "check", name) for name in ("slow", "nobody"))
    assert broken.returncode == nobody.returncode == 1
    assert broken.stderr.startswith(
        "error: [H200] slow (hector-plugin-slow 1.0) cannot be checked, it is failed: "
        "RuntimeError: no\n"
    )
    assert nobody.stderr.startswith("error: [H205] no plugin named 'nobody' is installed\n")


def test_a_plugin_named_like_a_command_is_shown_by_show(terminal: Terminal) -> None:
    terminal.install("check", SLOW_PLUGIN)

    assert terminal.run("plugins", "show", "check").stdout.startswith(
        "check (hector-plugin-check 1.0)"
    )


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_a_check_that_is_told_to_end_leaves_no_process(
    terminal: Terminal, options: tuple[str, ...]
) -> None:
    pipe = terminal.folder / "begun"
    os.mkfifo(pipe)
    waiting = (
        "import time\nfrom hector.testing import LLMSuite\n\n\nclass TestModel(LLMSuite):\n"
        "    def open(self):\n"
        f"        pipe = open({str(pipe)!r}, 'w')\n        time.sleep(600)\n"
    )
    terminal.install("slow", BARE, suites=waiting)
    check = terminal.start("plugins", "check", "slow", *options)
    with check, pipe.open() as begun:  # ends when nobody has it open for writing any more
        check.send_signal(signal.SIGTERM)
        assert check.wait(30) == 128 + signal.SIGTERM
        assert begun.read() == ""
