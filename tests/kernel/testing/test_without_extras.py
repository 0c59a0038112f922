"""`hector.testing` where `hector[testing]` is not installed."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import sys
sys.modules["pytest"] = sys.modules["hypothesis"] = None
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + program], capture_output=True, text=True, check=False
    )


def test_the_scripted_llm_needs_neither_pytest_nor_hypothesis() -> None:
    done = run(
        "from hector.testing import Reply, ScriptedLLM, ScriptedSettings, scripted_provider\n"
        "print(scripted_provider(ScriptedLLM('hello')).type)"
    )

    assert (done.stdout, done.stderr) == ("scripted\n", "")


def test_a_suite_says_what_to_install() -> None:
    done = run("from hector.testing import ToolsetSuite")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: hector.testing.ToolsetSuite needs pytest: pip install 'hector[testing]'"
    )


def test_a_strategy_says_what_to_install() -> None:
    done = run("import hector.testing\nhector.testing.settings_strategy")

    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: hector.testing.settings_strategy needs hypothesis: "
        "pip install 'hector[testing]'"
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    done = run("import hector.testing\nhector.testing.NoSuchSuite")

    assert done.stderr.splitlines()[-1] == (
        "AttributeError: module 'hector.testing' has no attribute 'NoSuchSuite'"
    )
