"""Checks, plans and reloads as JSON: the one shape that the command line and the admin API give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hector.config import diagnostic_json
from hector.errors import Diagnostic
from hector.runtime.reload_report import Change, ReloadPlan, ReloadRecord, ReloadReport, RestartNeed

__all__ = ["check_json", "plan_json", "record_json", "report_json"]


def check_json(
    file: str, diagnostics: Iterable[Diagnostic], *, is_strict: bool = False
) -> dict[str, Any]:
    """What a check of a config found.

    Args:
        file: the name it is shown under.
        diagnostics: everything that was found, in file order.
        is_strict: warnings make it invalid too.

    Returns:
        `file`, `valid`, and `problems`: a list of objects with the attributes of `Diagnostic`.
    """
    problems = tuple(diagnostics)
    is_valid = not any(is_strict or item.severity == "error" for item in problems)
    return {
        "file": file,
        "valid": is_valid,
        "problems": [diagnostic_json(item) for item in problems],
    }


def plan_json(plan: ReloadPlan) -> dict[str, Any]:
    """What a reload would do.

    Returns:
        `generation` (null when nothing runs), `etag`, `is_same`, `changes` (a list by path), `carried_over` (a
        count), `needs_restart` and `warnings`.
    """
    return {
        "generation": plan.generation or None,
        "etag": plan.etag,
        "is_same": plan.changes.is_same,
        "changes": _changes(plan.changes.changes),
        "carried_over": plan.changes.carried_over,
        "needs_restart": _needs(plan.changes.needs_restart),
        "warnings": [diagnostic_json(item) for item in plan.warnings],
    }


def report_json(report: ReloadReport) -> dict[str, Any]:
    """What a reload did.

    Returns:
        `generation`, `etag`, `is_changed`, the sorted paths `added`, `rebuilt` and `removed`, how many were
        `carried_over`, `changes` and `needs_restart` as in `plan_json`, `phases_s` and `duration_s` in seconds.
    """
    return {
        "generation": report.generation,
        "etag": report.etag,
        "is_changed": report.is_changed,
        "added": list(report.added),
        "rebuilt": list(report.rebuilt),
        "carried_over": report.carried_over,
        "removed": list(report.removed),
        "changes": _changes(report.changes),
        "needs_restart": _needs(report.needs_restart),
        "phases_s": {name: round(seconds, 6) for name, seconds in report.phases.items()},
        "duration_s": round(report.duration_s, 6),
    }


def record_json(record: ReloadRecord) -> dict[str, Any]:
    """One line of the history.

    Returns:
        The attributes of `ReloadRecord`; `at` as an RFC 3339 time in UTC, `report` as `report_json` or null,
        `error` null when there was none, `diagnostics` under the name `problems`.
    """
    moment = datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds")
    return {
        "at": moment.replace("+00:00", "Z"),
        "reason": record.reason,
        "outcome": record.outcome,
        "generation": record.generation,
        "etag": record.etag,
        "can_return": record.can_return,
        "report": report_json(record.report) if record.report is not None else None,
        "error": record.error or None,
        "problems": [diagnostic_json(item) for item in record.diagnostics],
        "duration_s": round(record.duration_s, 6),
    }


def _changes(changes: Mapping[str, Change]) -> list[dict[str, Any]]:
    return [
        {
            "path": change.path,
            "action": change.action,
            "causes": list(change.causes),
            "is_exclusive": change.is_exclusive,
        }
        for _, change in sorted(changes.items())
    ]


def _needs(needs: Iterable[RestartNeed]) -> list[dict[str, Any]]:
    return [{"subject": need.subject, "reason": need.reason} for need in needs]
