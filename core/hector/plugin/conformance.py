"""Reports of the conformance kit: which laws a plugin keeps, as data that is shipped and read."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import attrs

from hector.errors import UsageError

__all__ = [
    "CONFORMANCE_GROUP",
    "REPORTS_VARIABLE",
    "REPORT_SCHEMA",
    "ConformanceReport",
    "LawResult",
    "LawStatus",
    "SuiteResult",
    "conformance_module",
    "kept_report_path",
    "read_report",
    "report_from_json",
    "report_to_json",
    "reports_of",
    "shipped_report_path",
]

CONFORMANCE_GROUP = "hector.conformance"
"""Group of entry points that name the module with a plugin's suites, under the plugin's own name."""

REPORT_SCHEMA = 1
"""Version of the JSON below: raised when a reader of the old one would go wrong."""

REPORTS_VARIABLE = "HECTOR_REPORTS"
"""Environment variable that names the folder for the last report of each plugin."""

LawStatus: TypeAlias = Literal["pass", "fail", "warned", "waived", "unsupported", "not run"]
"""`warned` is a law that does not hold and is too new to fail; `waived` one that the suite takes exception to;
`unsupported` one about a capability that is not claimed."""


@attrs.frozen(kw_only=True)
class LawResult:
    """How one law did on one suite.

    Attributes:
        id: of the law.
        claim: of the law.
        status: see `LawStatus`; of several runs, the worst.
        reason: why it was waived or not run, what is unsupported, or the last line of the failure; else empty.
        seconds: what it took, opening and closing included.
    """

    id: str
    claim: str
    status: LawStatus
    reason: str = ""
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class SuiteResult:
    """How one test class did.

    Attributes:
        name: `module:Class`.
        summary: first line of the class's docstring, or empty.
        laws: every law of it, by id, whether it ran or not.
    """

    name: str
    summary: str = ""
    laws: tuple[LawResult, ...] = ()


@attrs.frozen(kw_only=True)
class ConformanceReport:
    """How a plugin did under the kit.

    Attributes:
        plugin: name of its entry point; empty when the suites were run without saying whose they are.
        distribution, version: what brings it.
        hector, kit, python, platform: what it ran on; `kit` is the minor version of the laws.
        date: when, in UTC, as ISO 8601.
        profile: `quick`, `full`, or `own` when the suites ran with their own numbers of examples.
        import_ms: milliseconds that importing the plugin's module took in a fresh process, Hector there already;
            None if it was not measured.
        has_suites: whether the plugin brings suites of its own; without, only the laws of every provider were tried,
            with settings that follow from the settings classes.
        suites: the test classes.
    """

    plugin: str
    distribution: str
    version: str
    hector: str
    kit: str
    python: str
    platform: str
    date: str
    profile: str
    import_ms: float | None = None
    has_suites: bool = True
    suites: tuple[SuiteResult, ...] = ()

    @property
    def totals(self) -> Mapping[LawStatus, int]:
        """How many results there are of each status, without those that there are none of."""
        counts = Counter(result.status for suite in self.suites for result in suite.laws)
        return {status: counts[status] for status in get_args(LawStatus) if counts[status]}

    @property
    def seconds(self) -> float:
        """What all laws took together."""
        return sum(result.seconds for suite in self.suites for result in suite.laws)

    @property
    def is_passed(self) -> bool:
        """Whether laws were tried, none failed, and none was left out without a reason."""
        totals = self.totals
        return bool(totals) and not {"fail", "not run"} & totals.keys()


def report_to_json(report: ConformanceReport) -> dict[str, Any]:
    """What is written to a file: attributes by name, and the totals for whoever reads nothing else."""
    data = attrs.asdict(report)
    head = {"schema": REPORT_SCHEMA, **{name: data[name] for name in data if name != "suites"}}
    return {**head, "totals": dict(report.totals), "suites": data["suites"]}


def report_from_json(data: Any) -> ConformanceReport:
    """Read what `report_to_json` gave.

    Raises:
        UsageError: it is no report, or of a schema that this version does not know.
    """
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    schema = fields.get("schema")
    if schema != REPORT_SCHEMA:
        raise UsageError(f"schema {schema!r} is not that of a conformance report ({REPORT_SCHEMA})")
    try:
        names = [field.name for field in attrs.fields(ConformanceReport)]
        head = {name: fields[name] for name in names if name in fields and name != "suites"}
        suites = tuple(_suite_from_json(suite) for suite in fields["suites"])
        return ConformanceReport(**head, suites=suites)
    except (KeyError, TypeError) as error:
        raise UsageError(f"it is no conformance report: {error}") from error


def _suite_from_json(data: Mapping[str, Any]) -> SuiteResult:
    known = [field.name for field in attrs.fields(LawResult)]
    laws = tuple(LawResult(**{name: it[name] for name in known}) for it in data["laws"])
    return SuiteResult(name=data["name"], summary=data.get("summary", ""), laws=laws)


def read_report(path: Path) -> ConformanceReport:
    """Read a report from a file.

    Raises:
        UsageError: see `report_from_json`; the message names the file.
        OSError: it cannot be read.
    """
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, UsageError) as error:
        reason = error.message if isinstance(error, UsageError) else str(error)
        raise UsageError(f"{path}: {reason}") from error


# ------------------------------------------------------------------------------ where things are


def conformance_module(plugin: str) -> str | None:
    """The module with the suites of a plugin, by its entry point; None if it brings none."""
    points = list(entry_points(group=CONFORMANCE_GROUP, name=plugin))
    return points[0].value if points else None


def shipped_report_path(plugin: str) -> Path | None:
    """The report that a plugin brings: `<plugin>.conformance.json` beside the module with its suites."""
    module = conformance_module(plugin)
    try:
        spec = find_spec(module) if module else None
    except ImportError:
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(f"{plugin}.conformance.json")
    return path if path.is_file() else None


def kept_report_path(plugin: str) -> Path:
    """Where the last report about a plugin lies that was made in this environment, if there is one.

    That is `share/hector/conformance` in the environment itself, for what a plugin does depends on what is
    installed beside it; or the folder that `HECTOR_REPORTS` names.
    """
    named = os.environ.get(REPORTS_VARIABLE)
    folder = Path(named) if named else Path(sys.prefix) / "share" / "hector" / "conformance"
    return folder / f"{plugin}.json"


def reports_of(plugin: str) -> Sequence[tuple[Path, ConformanceReport]]:
    """The reports that there are about a plugin: the one made here, then the one that it brings.

    One that cannot be read is left out.
    """
    found: list[tuple[Path, ConformanceReport]] = []
    for path in (kept_report_path(plugin), shipped_report_path(plugin)):
        if path is not None and path.is_file():
            try:
                found.append((path, read_report(path)))
            except (UsageError, OSError):
                continue
    return found
