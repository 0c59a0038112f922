"""What came of a reload, in words."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import attrs

from hector import ReloadReport, report_json

__all__ = ["summary", "tell"]

MOST_NAMES = 8
"""So many components are named on the line; the others are counted."""


def tell(logger: logging.Logger, reason: str, report: ReloadReport) -> None:
    """Log a reload that happened, and each thing that waits for a restart."""
    logger.info(
        "reload (%s): %s",
        reason,
        summary(report),
        extra={"fields": {"reload": report_json(report)}},
    )
    for need in report.needs_restart:
        logger.warning(
            "%s needs a restart: %s",
            need.subject,
            need.reason,
            extra={"fields": {"needs_restart": attrs.asdict(need)}},
        )


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
    parts.append(f"{report.carried_over} carried over")
    return (
        f"generation {report.generation} runs: {'; '.join(parts)} ({_duration(report.duration_s)})"
    )


def _names(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:MOST_NAMES])
    more = len(paths) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
