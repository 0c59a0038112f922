"""`hector.testing` where `hector[testing]` is not installed."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import hector.testing

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


def test_no_public_name_is_that_of_a_module() -> None:
    """Python puts a module that was imported in the place of the name, whatever `__getattr__` would give."""
    modules = {module.name for module in pkgutil.iter_modules(hector.testing.__path__)}
    assert modules.isdisjoint(hector.testing.__all__)
