"""Where the sources are, and what the tests found worth telling at the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def projects() -> list[Path]:
    """The folders with a pyproject.toml, the root first."""
    found = [*REPOSITORY.glob("hector_plugin_*"), *REPOSITORY.glob("plugins/hector_plugin_*")]
    return [REPOSITORY, *sorted(path for path in found if (path / "pyproject.toml").exists())]


@pytest.fixture(scope="session")
def packages(projects: list[Path]) -> list[Path]:
    """The import packages of every distribution."""
    roots = [REPOSITORY / "core", *REPOSITORY.glob("plugins/*/src")]
    roots += [project / "src" for project in projects[1:]]
    return sorted({path.parent for root in roots for path in root.glob("*/__init__.py")})


@pytest.fixture(scope="session")
def sources(packages: list[Path]) -> list[Path]:
    """Every Python file that is shipped."""
    return sorted(path for package in packages for path in package.rglob("*.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded as properties: findings that are no failures."""
    reports: list[pytest.TestReport] = terminalreporter.getreports("passed")
    for report in reports:
        for title, finding in report.user_properties:
            if "test_sizes.py" in report.nodeid and finding:
                terminalreporter.section(title, sep="-")
                terminalreporter.line(str(finding))
