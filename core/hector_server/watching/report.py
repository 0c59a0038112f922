"""What came of a reload, in words and as fields of a log record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hector import ReloadReport, report_json

__all__ = ["fields_of", "summary"]

MOST_NAMES = 8
"""So many components are named on the line; the others are counted."""


def summary(report: ReloadReport) -> str:
    """A reload that happened, on one line."""
    if not report.is_changed:
        return f"nothing changed, generation {report.generation} goes on ({_duration(report.duration_s)})"
    parts = [
        f"{verb} {_names(paths)}"
        for verb, paths in (
            ("added", report.added),
            ("rebuilt", report.rebuilt),
            ("removed", report.removed),
        )
        if paths
    ]
    parts.append(f"{len(report.carried_over)} carried over")
    return (
        f"generation {report.generation} runs: {'; '.join(parts)} ({_duration(report.duration_s)})"
    )


def fields_of(report: ReloadReport) -> Mapping[str, Any]:
    """The same for programs: as the admin API gives it, but with a number for what is carried over."""
    fields = report_json(report)
    return {**fields, "carried_over": len(fields["carried_over"])}  # they may be thousands


def _names(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:MOST_NAMES])
    more = len(paths) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
