"""Conformance reports as people read them."""

from __future__ import annotations

import click

from hector.plugin.conformance import ConformanceReport, LawResult, SuiteResult

__all__ = ["print_laws", "print_summary", "totals_of"]

_SYMBOLS = {"pass": "ok", "not run": "left out"}


def totals_of(report: ConformanceReport) -> str:
    """How many laws there are of each status, such as `110 pass, 2 waived`."""
    return ", ".join(f"{count} {status}" for status, count in report.totals.items()) or "no laws"


def print_laws(report: ConformanceReport) -> None:
    """Every law of every suite, with its status and its time."""
    for suite in report.suites:
        _print_suite(suite)
    if not report.has_suites:
        click.echo(
            f"{report.plugin} brings no suites of its own: tried were the laws of every provider,"
            " with settings that follow from their classes"
        )
    import_ms = "" if report.import_ms is None else f", import {report.import_ms:.0f} ms"
    click.echo(
        f"{totals_of(report)} in {report.seconds:.1f} s"
        f" (kit {report.kit}, {report.profile}{import_ms})"
    )


def _print_suite(suite: SuiteResult) -> None:
    click.echo(f"{suite.name}{f': {suite.summary}' if suite.summary else ''}")
    for law in suite.laws:
        click.echo(
            f"  {_SYMBOLS.get(law.status, law.status):<12}{law.seconds:7.2f} s  {_line(law)}"
        )
    click.echo("")


def _line(law: LawResult) -> str:
    reason = f" ({law.reason})" if law.reason and law.status != "pass" else ""
    return f"{law.id:<9}{law.claim}{reason}"


def print_summary(report: ConformanceReport, where: str, installed_version: str) -> None:
    """One line, and one for each law that does not simply hold; for `hector plugins NAME`.

    Args:
        report: about the plugin.
        where: who made it, in a few words.
        installed_version: of the plugin's distribution, to say when the report is about another one.
    """
    about = "" if report.version == installed_version else f" of version {report.version}"
    click.echo(
        f"  conformance{about}: {totals_of(report)}"
        f" (kit {report.kit}, {report.profile}, {report.date[:10]}, {where})"
    )
    for suite in report.suites:
        for law in suite.laws:
            if law.status not in {"pass", "unsupported"}:
                click.echo(f"    {law.status}: {_line(law)}")
