"""What came of each law in a run of pytest, and the report about it."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from hector import __version__
from hector.plugin.conformance import (
    ConformanceReport,
    LawResult,
    LawStatus,
    SuiteResult,
    conformance_module,
    report_to_json,
)
from hector.plugin.discovery import discover
from hector.testing.laws import KIT_VERSION, laws_of, suite_name, waivers_of

__all__ = ["LawRecorder"]

WAIVED: LawStatus = "waived"
_WORST_FIRST: Sequence[LawStatus] = ("fail", "not run", "warned", "unsupported", "pass")


@attrs.define
class _Came:
    """What came of one law on one suite, over all its tests and their phases."""

    reasons: dict[str, str] = attrs.field(factory=dict[str, str])
    seconds: float = 0.0


class LawRecorder:
    """A plugin of pytest for runs that end in a report.

    Under pytest-xdist the workers say what they collected and ran, and the controller writes.

    Attributes:
        path: the file that the report is written to when the run ends.
        plugin: name of the plugin's entry point, or empty.
        profile: as in `ConformanceReport`.
        import_ms: as in `ConformanceReport`.
    """

    def __init__(self, path: Path, *, plugin: str, profile: str, import_ms: float | None) -> None:
        self.path = path
        self.plugin = plugin
        self.profile = profile
        self.import_ms = import_ms
        self._suites: dict[str, dict[str, Any]] = {}
        self._came: dict[tuple[str, str], _Came] = {}

    # -------------------------------------------------------------------------- hooks of pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the classes before any test of them is deselected: each of their laws stands in the report."""
        classes = [item.cls for item in items if isinstance(item, pytest.Function)]
        self._suites |= _described(it for it in classes if it is not None and laws_of(it))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what came of a phase of a law's test."""
        said: dict[str, Any] | None = vars(report).get("hector_law")
        if said is None:
            return
        came = self._came.setdefault((said["suite"], said["law"]), _Came())
        came.seconds += report.duration
        if said["status"] is not None:
            came.reasons.setdefault(said["status"], said["reason"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of pytest-xdist has collected."""
        self._suites |= getattr(node, "workeroutput", {}).get("hector_suites", {})

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report, or tell the controller what is needed for it."""
        config: Any = session.config
        if hasattr(config, "workeroutput"):
            config.workeroutput["hector_suites"] = self._suites
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report_to_json(self.report()), indent=2, ensure_ascii=False)
        self.path.write_text(f"{text}\n", encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the report is, and what is in it."""
        totals = ", ".join(f"{count} {status}" for status, count in self.report().totals.items())
        terminalreporter.write_sep("-", f"laws: {totals or 'none'} ({self.path})")

    # -------------------------------------------------------------------------- the report

    def report(self) -> ConformanceReport:
        """Everything about this run so far."""
        distribution, version = _distribution_of(self.plugin)
        return ConformanceReport(
            plugin=self.plugin,
            distribution=distribution,
            version=version,
            hector=__version__,
            kit=KIT_VERSION,
            python=platform.python_version(),
            platform=f"{sys.platform} {platform.machine()}",
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            profile=self.profile,
            import_ms=self.import_ms,
            has_suites=not self.plugin or conformance_module(self.plugin) is not None,
            suites=tuple(self._result(name, suite) for name, suite in self._suites.items()),
        )

    def _result(self, name: str, suite: Mapping[str, Any]) -> SuiteResult:
        claims = cast("dict[str, str]", suite["laws"])
        laws = tuple(
            self._law(name, id, claim, suite["waived"].get(id)) for id, claim in claims.items()
        )
        return SuiteResult(name=name, summary=suite["summary"], laws=laws)

    def _law(self, suite: str, id: str, claim: str, waiver: str | None) -> LawResult:
        came = self._came.get((suite, id), _Came())
        status, reason = _verdict(came) if waiver is None else (WAIVED, waiver)
        seconds = round(came.seconds, 4)
        return LawResult(id=id, claim=claim, status=status, reason=reason, seconds=seconds)


def _verdict(came: _Came) -> tuple[LawStatus, str]:
    for status in _WORST_FIRST:
        if status in came.reasons:
            return status, came.reasons[status]
    return "not run", "deselected"


def _described(suites: Iterable[type]) -> dict[str, dict[str, Any]]:
    """What the report says of classes, in values that go from one process to another."""
    return {
        suite_name(suite): {
            "summary": (suite.__doc__ or "").strip().partition("\n")[0],
            "laws": {id: it.claim for id, it in laws_of(suite).items()},
            "waived": dict(waivers_of(suite)),
        }
        for suite in suites
    }


def _distribution_of(plugin: str) -> tuple[str, str]:
    for record in discover() if plugin else ():
        if record.name == plugin:
            return record.distribution, record.version
    return "", ""
