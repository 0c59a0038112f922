"""What pytest does about laws: it is a plugin of pytest that comes with Hector, so that nothing has to be set up.

It refuses suites that override a law without saying why, skips laws that are waived, lets laws that are new warn
instead of fail, says of a law that failed what it is for, and has the report written. Nothing of it touches other
tests, and it is loaded by every pytest beside which Hector is installed: what is not needed at once is imported later.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import cast

import pytest

from hector.testing.laws import (
    UNSUPPORTED,
    Law,
    flaws_of_suite,
    law_of,
    laws_of,
    severity_of,
    suite_name,
    waivers_of,
)

__all__: list[str] = []

_ASSERTING = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if path.stem.endswith(("_calls", "_laws", "_machine", "_suite"))
)
# A suite that fails says what it compared, whoever runs it.
pytest.register_assert_rewrite(*(f"hector.testing.{name}" for name in _ASSERTING))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; they do nothing to tests that are no laws."""
    group = parser.getgroup("hector", "laws of Hector's conformance kit")
    group.addoption("--hector-report", metavar="FILE", help="write which laws hold, as JSON")
    group.addoption(
        "--hector-profile",
        choices=("quick", "full"),
        help="how much is tried: a few examples of each law, or as many as its suite asks for",
    )
    group.addoption(
        "--hector-strict",
        action="store_true",
        help="let laws fail that are new in this version of Hector and would only warn",
    )
    group.addoption(
        "--hector-plugin",
        metavar="NAME",
        default="",
        help="for the report: whose laws these are, by the name of the plugin's entry point",
    )
    group.addoption(
        "--hector-import-ms",
        metavar="MS",
        type=float,
        help="for the report: milliseconds that importing the plugin took",
    )
    group.addoption(
        "--hector-part",
        metavar="N/COUNT",
        help="run one part of the suites of a file: COUNT processes run all that are laws, and nothing else",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile, and begin to record where a report is wanted."""
    profile: str | None = config.getoption("--hector-profile")
    report: str | None = config.getoption("--hector-report")
    if profile is not None:
        from hector.testing.profiles import load_profile

        load_profile(profile)
    if report is not None:
        from hector.testing.law_recorder import LawRecorder

        recorder = LawRecorder(
            Path(report).absolute(),
            plugin=str(config.getoption("--hector-plugin")),
            profile=profile or "own",
            import_ms=config.getoption("--hector-import-ms"),
        )
        config.pluginmanager.register(recorder, "hector-recorder")


# ------------------------------------------------------------------------------ collecting


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Refuse a class that takes exception to a law without saying why, and pass over those of other parts."""
    part: str | None = collector.config.getoption("--hector-part")
    if part and isinstance(collector, pytest.Module) and obj not in _suites_of(collector, part):
        return []
    if not inspect.isclass(obj) or not laws_of(obj) or not collector.istestclass(obj, name):
        return None
    if flaws := flaws_of_suite(obj):
        raise collector.CollectError("\n".join(flaws))
    return None


def _suites_of(collector: pytest.Module, part: str) -> Sequence[type]:
    from hector.testing.parts import share_out

    number, _, count = part.partition("/")
    members = cast("dict[str, object]", vars(collector.obj))
    suites = [
        member
        for name, member in members.items()
        if inspect.isclass(member) and laws_of(member) and collector.istestclass(member, name)
    ]
    return share_out(suites, int(count))[int(number) - 1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `-k LLM-003` find a law, and skip those that are waived."""
    for item in items:
        found = _law_of_item(item)
        if found is None:
            continue
        item.extra_keyword_matches.add(found.id)
        reason = waivers_of(_suite_of_item(item)).get(found.id)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=f"{found.id} is waived: {reason}"))


def _law_of_item(item: pytest.Item) -> Law | None:
    if not isinstance(item, pytest.Function) or item.cls is None:
        return None
    return law_of(item.obj)


def _suite_of_item(item: pytest.Item) -> type:
    assert isinstance(item, pytest.Function)
    suite: type | None = item.cls
    assert suite is not None
    return suite


# ------------------------------------------------------------------------------ running


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge what a phase of a law's test came to."""
    report = yield
    found = _law_of_item(item)
    if found is None:
        return report
    status: str | None
    if report.failed and report.when == "call" and _is_lenient(item.config, found):
        soon = f"{found.id} is new in {found.since} and fails from the next minor version on"
        report.outcome, report.wasxfail = "skipped", f"{soon}: {_what_failed(call)}"
        status, reason = "warned", report.wasxfail
    else:
        status, reason = _judged(report, call)
    if report.failed:
        text = f"{found.claim}\nwhy:   {found.why}\nto do: {found.fix}"
        report.sections.append((f"law {found.id}", text))
    # What is in a report's dictionary goes from a worker of pytest-xdist to its controller.
    vars(report)["hector_law"] = {
        "suite": suite_name(_suite_of_item(item)),
        "law": found.id,
        "status": status,
        "reason": reason,
    }
    return report


def _is_lenient(config: pytest.Config, found: Law) -> bool:
    is_strict = bool(config.getoption("--hector-strict"))
    return severity_of(found.since, is_strict=is_strict) == "warning"


def _judged(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[str | None, str]:
    """Status and reason; no status for a phase that says nothing, such as a set-up that went well."""
    if report.failed:
        return "fail", _what_failed(call)
    if report.skipped:
        raised = call.excinfo.value if call.excinfo is not None else None
        reason = str(getattr(report, "wasxfail", "") or getattr(raised, "msg", "") or "skipped")
        if reason.startswith(UNSUPPORTED):
            return "unsupported", reason.removeprefix(UNSUPPORTED)
        return "not run", reason
    return ("pass" if report.when == "call" else None), ""


def _what_failed(call: pytest.CallInfo[None]) -> str:
    """The first line of what was raised.

    Of a group, such as Hypothesis gives of a failure that comes and goes, it is that of its first member.
    """
    if call.excinfo is None:
        return ""
    error = call.excinfo.value
    first = error
    while isinstance(first, BaseExceptionGroup):
        first = cast("BaseException", first.exceptions[0])
    notes = "".join(f"; {note}" for note in getattr(first, "__notes__", ())[:1])
    said = (str(first).splitlines() or [""])[0]
    whole = f"{type(first).__name__}: {said}" if said else type(first).__name__
    return f"{whole}{notes}" if first is error else f"{type(error).__name__} with {whole}{notes}"
