"""A plugin of somebody else: installed from a folder with pip, found, and used.

The environment is fresh. What Hector depends on is lent to it by this one, so that nothing is downloaded; Hector and
the plugin are built and installed by pip, from their folders, as a user does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PLUGIN = REPOSITORY / "examples" / "hector-plugin-greeting"

pytestmark = pytest.mark.timeout(120)


class FreshEnvironment:
    """A virtual environment, its programs run by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: str | Path, cwd: Path) -> str:
        """What it printed on stdout; a failure shows what it said."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def lend_dependencies(environment: Path, folder: Path) -> None:
    """Show a fresh environment every package of this one but Hector's own and the editable ones."""
    folder.mkdir()
    own = ("hector", "_hector", "__editable__", "pip")
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if not item.name.lower().startswith(own) and item.suffix != ".pth":
            (folder / item.name).symlink_to(item)
    (packages,) = environment.glob("[Ll]ib/**/site-packages")
    (packages / "lent.pth").write_text(f"{folder}\n")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """With Hector and the plugin in it."""
    root = tmp_path_factory.mktemp("fresh")
    venv.create(root / "venv", with_pip=True, symlinks=os.name != "nt")
    lend_dependencies(root / "venv", root / "lent")
    fresh = FreshEnvironment(root / "venv")
    fresh.run(
        "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation",
        "--disable-pip-version-check", REPOSITORY, PLUGIN, cwd=root,
    )  # fmt: skip
    return fresh


def test_what_runs_is_what_pip_installed(environment: FreshEnvironment, tmp_path: Path) -> None:
    """Otherwise this would test the checkout, not the installation."""
    code = (
        "import hector, hector_plugin_greeting as p; print(hector.__file__, p.__file__, sep='\\n')"
    )

    files = environment.run("python", "-c", code, cwd=tmp_path).splitlines()

    assert all(Path(file).is_relative_to(environment.folder) for file in files)
    assert sys.prefix not in files[0]


def test_the_plugin_is_listed_with_its_settings(
    environment: FreshEnvironment, tmp_path: Path
) -> None:
    shown = environment.run("hector", "plugins", "greeting", cwd=tmp_path)
    (record,) = json.loads(environment.run("hector", "plugins", "greeting", "--json", cwd=tmp_path))

    assert "greeting (hector-plugin-greeting 0.1.0): loaded" in shown
    assert "settings: greeting, exclamation_marks" in shown
    assert (record["state"], record["api_level"]) == ("loaded", 1)
    assert [(item["kind"], item["type"]) for item in record["providers"]] == [("llm", "greeting")]


def test_an_agent_answers_with_it(environment: FreshEnvironment, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_bytes((PLUGIN / "config.yaml").read_bytes())

    assert environment.run("hector", "run", "Ada", cwd=tmp_path) == "Good morning, Ada!\n"


def test_its_settings_are_checked_like_any_others(
    environment: FreshEnvironment, tmp_path: Path
) -> None:
    text = (PLUGIN / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("greeting: Good", "exclamation_marks: 4 #"))
    validate = [environment.programs / "hector", "validate"]

    done = subprocess.run(validate, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "[H104] llms.default.exclamation_marks" in done.stderr


def test_its_own_tests_pass(environment: FreshEnvironment) -> None:
    """The conformance suite that the documentation tells authors to inherit."""
    said = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=PLUGIN)

    assert "passed" in said


def test_a_new_plugin_is_green_within_a_minute(
    environment: FreshEnvironment, tmp_path: Path
) -> None:
    """Written, installed with pip, checked by the kit, and used: what a stranger does first."""
    began_s = time.monotonic()

    environment.run("hector", "plugins", "new", "weather", "--kind", "llm", cwd=tmp_path)
    folder = tmp_path / "hector-plugin-weather"
    environment.run(
        "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation",
        "--disable-pip-version-check", folder, cwd=tmp_path,
    )  # fmt: skip
    checked = environment.run("hector", "plugins", "check", "weather", "--quick", cwd=tmp_path)
    said = environment.run("hector", "run", "good morning", cwd=folder)

    took_s = time.monotonic() - began_s
    assert "PLG-001" in checked or "passed" in checked
    assert said == "You said: good morning\n"
    assert took_s <= 60, f"{took_s:.0f} s"
