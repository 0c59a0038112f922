"""What pytest does about laws: refuses, skips, warns, explains and reports, in a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

pytest_plugins = ["pytester"]

PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-q")

MODEL = '''
from contextlib import asynccontextmanager

from hector.errors import UnsupportedError
from hector.message import ToolCall
from hector.testing import LLMSuite, ScriptedLLM


def answer(request):
    if request.tools:
        raise UnsupportedError("no tools")
    return "one two"


class Model(LLMSuite):
    """A model that is well."""

    tool_request = None

    @asynccontextmanager
    async def open(self):
        yield ScriptedLLM(*[answer] * 20)

'''

Run: TypeAlias = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Runs suites in a process of its own, so that no profile and no law of it stays."""

    def run_suites(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_suites=MODEL + source)
        return pytester.runpytest_subprocess(*PLAIN, *options)

    return run_suites


def report_of(pytester: pytest.Pytester) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((pytester.path / "report.json").read_text())
    return data


def statuses(report: dict[str, Any], suite: int = 0) -> dict[str, str]:
    return {law["id"]: law["status"] for law in report["suites"][suite]["laws"]}


REPORT = ("--hector-report", "report.json")


def test_a_suite_that_keeps_its_laws_passes_and_what_it_does_not_claim_is_told(
    run: Run, pytester: pytest.Pytester
) -> None:
    done = run("class TestModel(Model):\n    '''A model.'''\n", *REPORT, "-rs")

    done.assert_outcomes(passed=10, skipped=1)
    done.stdout.fnmatch_lines(["*unsupported: tools; a request with tools is refused*"])
    done.stdout.fnmatch_lines(["*laws: 10 pass, 1 unsupported (*report.json)*"])
    report = report_of(pytester)
    assert report["totals"] == {"pass": 10, "unsupported": 1}
    assert (report["schema"], report["profile"], report["plugin"]) == (1, "own", "")
    (suite,) = report["suites"]
    assert (suite["name"], suite["summary"]) == ("test_suites:TestModel", "A model.")
    assert suite["laws"][0]["claim"] == "A model says its `model` and its `provider`."
    assert all(law["seconds"] > 0 for law in suite["laws"])


def test_overriding_a_law_without_a_reason_is_an_error_that_names_it(run: Run) -> None:
    done = run("class TestModel(Model):\n    def test_has_names(self): pass\n")

    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*TestModel overrides test_has_names, which is the law LLM-001*"])


def test_waived_laws_are_skipped_or_replaced_and_stand_in_the_report(
    run: Run, pytester: pytest.Pytester
) -> None:
    done = run(
        "class TestModel(Model):\n"
        "    waived = {'LLM-001': 'nameless', 'LLM-005': 'in one piece'}\n"
        "    def test_has_names(self): pass\n",
        *REPORT,
        "-rs",
    )

    done.assert_outcomes(passed=9, skipped=2)
    done.stdout.fnmatch_lines(["*LLM-005 is waived: in one piece*"])
    report = report_of(pytester)
    assert report["totals"] == {"pass": 8, "waived": 2, "unsupported": 1}
    laws = {law["id"]: law for law in report["suites"][0]["laws"]}
    assert (laws["LLM-001"]["status"], laws["LLM-001"]["reason"]) == ("waived", "nameless")
    assert laws["LLM-005"]["reason"] == "in one piece"


def test_a_law_that_fails_says_what_it_is_for(run: Run, pytester: pytest.Pytester) -> None:
    source = (
        "class Nameless(ScriptedLLM):\n    model = ''\n"
        "class TestModel(Model):\n"
        "    @asynccontextmanager\n"
        "    async def open(self):\n"
        "        yield Nameless(*[answer] * 20)\n"
    )
    done = run(source, *REPORT)

    done.assert_outcomes(passed=9, skipped=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            "E * assert ''*",
            "*law LLM-001*",
            "A model says its `model` and its `provider`.",
            "why:   Logs, spans, costs and errors*",
            "to do: Set both attributes*",
        ]
    )
    (law,) = (law for law in report_of(pytester)["suites"][0]["laws"] if law["status"] == "fail")
    assert (law["id"], law["reason"][:14]) == ("LLM-001", "AssertionError")


def test_a_law_is_found_by_its_id_and_what_is_left_out_is_not_run(
    run: Run, pytester: pytest.Pytester
) -> None:
    done = run(
        "import pytest\n\nclass TestModel(Model):\n    pass\n\n"
        "@pytest.mark.skip(reason='not today')\nclass TestSkipped(Model):\n    pass\n",
        *REPORT,
        "-k",
        "LLM-003 or LLM-004",
    )

    done.assert_outcomes(passed=2, skipped=2, deselected=18)
    report = report_of(pytester)
    kept, skipped = statuses(report, 0), statuses(report, 1)
    assert {id for id, status in kept.items() if status == "pass"} == {"LLM-003", "LLM-004"}
    assert set(kept.values()) == {"pass", "not run"}
    assert set(skipped.values()) == {"not run"}
    reasons = {law["id"]: law["reason"] for law in report["suites"][1]["laws"]}
    assert (reasons["LLM-003"], reasons["LLM-005"]) == ("not today", "deselected")


NEW_LAW = """
import attrs
from hector.testing import laws

found = laws.law_of(LLMSuite.test_has_names)
setattr(LLMSuite.test_has_names, laws._MARK, attrs.evolve(found, since={since!r}))

class TestModel(Model):
    @asynccontextmanager
    async def open(self):
        llm = ScriptedLLM(*[answer] * 20, model="")
        yield llm
"""


@pytest.mark.parametrize(
    ("since", "options", "status"),
    [("99.1", (), "warned"), ("99.1", ("--hector-strict",), "fail"), ("0.1", (), "fail")],
)
def test_a_law_that_is_too_new_warns(
    run: Run, pytester: pytest.Pytester, since: str, options: tuple[str, ...], status: str
) -> None:
    """As an expected failure, and fails where that is asked for."""
    done = run(NEW_LAW.format(since=since), *REPORT, *options, "-rx")

    assert statuses(report_of(pytester))["LLM-001"] == status
    assert done.ret == (0 if status == "warned" else 1)
    if status == "warned":
        done.assert_outcomes(passed=9, skipped=1, xfailed=1)
        done.stdout.fnmatch_lines(
            ["*LLM-001 is new in 99.1 and fails from the next minor version*"]
        )


def test_a_profile_bounds_what_the_suites_try(run: Run) -> None:
    source = (
        "from hector.testing.profiles import examples, steps\n\n"
        "def test_bounds():\n"
        "    assert (examples(60), steps(30), examples(3)) == EXPECTED\n"
    )

    for profile, expected in (("quick", (5, 10, 3)), ("full", (60, 30, 3))):
        done = run(source.replace("EXPECTED", str(expected)), "--hector-profile", profile)
        done.assert_outcomes(passed=1)


def test_parts_run_every_law_of_a_file_once_and_nothing_else(
    run: Run, pytester: pytest.Pytester
) -> None:
    source = "".join(f"class Test{name}(Model):\n    pass\n\n" for name in "ABC")
    source += "def test_no_law():\n    pass\n"
    found: list[str] = []
    for number in (1, 2):
        done = run(source, "--hector-part", f"{number}/2", *REPORT)
        suites = report_of(pytester)["suites"]
        done.assert_outcomes(passed=10 * len(suites), skipped=len(suites))
        found += [suite["name"] for suite in suites]

    assert sorted(found) == [f"test_suites:Test{name}" for name in "ABC"]


def test_workers_tell_the_controller(pytester: pytest.Pytester) -> None:
    """With pytest-xdist, what was collected and what came of it is all in one report."""
    pytester.makepyfile(test_suites=MODEL + "class TestModel(Model):\n    pass\n")
    options = ("-p", "no:cacheprovider", "--numprocesses=2", *REPORT, "-k", "not LLM-011")
    done = pytester.runpytest_subprocess(*options)

    done.assert_outcomes(passed=9, skipped=1)
    assert report_of(pytester)["totals"] == {"pass": 9, "unsupported": 1, "not run": 1}


def test_it_is_light(pytester: pytest.Pytester) -> None:
    """It is loaded by every pytest beside which Hector is installed."""
    pytester.makepyfile(
        "import sys\n\ndef test_light():\n"
        "    assert 'hector.testing.pytest_plugin' in sys.modules\n"
        "    heavy = {'hector.spi', 'hector.plugin', 'hector.config', 'numpy'}\n"
        "    assert heavy & set(sys.modules) == set()\n"
    )

    pytester.runpytest_subprocess(*PLAIN).assert_outcomes(passed=1)
