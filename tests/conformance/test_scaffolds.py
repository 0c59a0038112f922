"""What `hector plugins new` writes passes the kit, its own tests, and answers, for every kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from lent_plugin import lend

from hector.cli.scaffold import KIND_TEXTS, scaffold_name, write_scaffold
from hector.spi import KINDS, Kind

MAILBOX = Path(__file__).parents[2] / "examples" / "hector-plugin-mailbox"

pytestmark = pytest.mark.timeout(120)


class Scaffolds:
    """One plugin of every kind, all of them installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.site.mkdir()
        for kind in KINDS:
            write_scaffold(self.of(kind), scaffold_name(f"new-{kind}"), kind)
            lend(self.of(kind), self.site)
        lend(MAILBOX, self.site)

    def of(self, kind: Kind) -> Path:
        """The folder of one."""
        return self.folder / scaffold_name(f"new-{kind}").distribution

    def run(self, *arguments: str | Path, cwd: Path) -> str:
        """Run a module of Python with the plugins installed; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(self.site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def scaffolds(tmp_path_factory: pytest.TempPathFactory) -> Scaffolds:
    """Written anew, in a folder of their own."""
    return Scaffolds(tmp_path_factory.mktemp("scaffolds"))


def assert_nothing_is_left_out(said: str) -> None:
    """All ran; what a plugin does not claim was refused as it should be."""
    skipped = [line for line in said.splitlines() if line.startswith("SKIPPED")]

    assert " passed" in said
    assert [line for line in skipped if "unsupported: " not in line] == []


def _tests(scaffolds: Scaffolds, kinds: Sequence[Kind]) -> list[Path]:
    return [scaffolds.of(kind) / "tests" for kind in kinds]


@pytest.mark.parametrize("kinds", [KINDS[:4], KINDS[4:8], KINDS[8:]], ids=" ".join)
def test_their_own_tests_pass(scaffolds: Scaffolds, kinds: tuple[Kind, ...]) -> None:
    """Their suites and the tests beside them, with nothing skipped."""
    said = scaffolds.run(
        "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:asyncio", "--import-mode=importlib", "-W", "error",
        "--hector-profile=quick", *_tests(scaffolds, kinds), cwd=scaffolds.folder,
    )  # fmt: skip

    assert_nothing_is_left_out(said)


def test_the_tests_of_the_tutorial_pass(scaffolds: Scaffolds) -> None:
    """The plugin that "A plugin step by step" ends with."""
    said = scaffolds.run(
        "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:asyncio", "--import-mode=importlib", "-W", "error",
        "--hector-profile=quick", MAILBOX / "tests", cwd=scaffolds.folder,
    )  # fmt: skip

    assert_nothing_is_left_out(said)


def test_the_config_of_the_tutorial_answers(scaffolds: Scaffolds, tmp_path: Path) -> None:
    for name in ("config.yaml", "mails.mbox"):
        (tmp_path / name).write_bytes((MAILBOX / name).read_bytes())

    said = scaffolds.run("hector", "run", "When is the honey ready?", cwd=tmp_path)

    assert "Friday" in said


def test_hector_knows_what_each_of_them_offers(scaffolds: Scaffolds) -> None:
    said = scaffolds.run("hector", "plugins", cwd=scaffolds.folder)

    for kind in KINDS:
        assert f"{kind}: new_{kind}" in said


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_answers_with_it(scaffolds: Scaffolds, kind: Kind) -> None:
    """With the config that stands beside it, and the question that the command tells."""
    question = KIND_TEXTS[kind].question

    said = scaffolds.run("hector", "run", question, cwd=scaffolds.of(kind))

    assert said.strip()
