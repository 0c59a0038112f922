"""The suites of an installed plugin, run in interpreters of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs

from hector.errors import PluginError
from hector.plugin import PluginRecord
from hector.plugin.conformance import (
    ConformanceReport,
    conformance_module,
    kept_report_path,
    read_report,
)

__all__ = ["ConformanceRun"]

TIMEOUT_S = 900
"""How long a check may take: many times what the slowest one takes."""

MOST_PROCESSES = 4
"""More would import what the suites need more often than the laws take."""

# The suites are those of the plugin's module, under their own names; fixtures that stand beside them come along.
_SUITES = """\
from importlib import import_module

own = dict(vars(import_module({module!r}))) if {module!r} else {{}}
globals().update((name, value) for name, value in own.items() if not name.startswith("__"))
"""

# Providers that none of them is about get one that follows from their settings.
_DERIVED = """
from hector.testing.derived_suites import derived_suites

globals().update(derived_suites({plugin!r}, own))
"""

_TIMED_IMPORT = """\
import sys, time
import hector.plugin.registry, hector.spi
before = time.perf_counter()
__import__(sys.argv[1])
print((time.perf_counter() - before) * 1000)
"""


@attrs.frozen(kw_only=True)
class ConformanceRun:
    """How the suites of a plugin are run, on nothing but themselves.

    Attributes:
        record: the plugin, which is loaded.
        folder: an empty folder to run in.
        profile: `quick` or `full`. A whole check is one process, undisturbed; a quick one is shared out among the
            processors.
        is_strict: let laws fail that are new.
        is_verbose: show what pytest says on stderr, of one process.
    """

    record: PluginRecord
    folder: Path
    profile: str
    is_strict: bool
    is_verbose: bool

    def report(self) -> ConformanceReport:
        """Run them, and say what came of each law.

        Raises:
            PluginError: the suites cannot be run, or take more than `TIMEOUT_S`.
        """
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        suites = _SUITES.format(module=conformance_module(self.record.name))
        suites += _DERIVED.format(plugin=self.record.name) if self.record.providers else ""
        (self.folder / "test_conformance.py").write_text(suites)
        options = [f"--hector-profile={self.profile}", f"--hector-plugin={self.record.name}"]
        options += [f"--hector-import-ms={_import_ms(self.record)}"]
        options += ["--hector-strict"] if self.is_strict else []
        is_shared = self.profile == "quick" and not self.is_verbose
        count = min(MOST_PROCESSES, os.cpu_count() or 1) if is_shared else 1
        deadline = time.monotonic() + TIMEOUT_S
        with ExitStack() as running:
            running.enter_context(_ended_in_order())
            parts = [
                running.enter_context(self._started(f"{number}/{count}", options))
                for number in range(1, count + 1)
            ]
            return self._merged([part.report(deadline) for part in parts])

    @contextmanager
    def _started(self, part: str, options: Sequence[str]) -> Generator[_Part]:
        """Start the process of one part; it is ended by force if it is not over when the block is left."""
        name = part.partition("/")[0]
        output, written = self.folder / f"output-{name}.txt", self.folder / f"report-{name}.json"
        plain = ["-p", "hector.testing.pytest_plugin", "-p", "no:cacheprovider", "-q", "--tb=short"]
        own = [f"--hector-part={part}", f"--hector-report={written}"]
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *plain, *options, *own, "test_conformance.py"],
                cwd=self.folder,
                env={**_storage(self.record.name), **_environment()},
                stdout=sys.stderr if self.is_verbose else file,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _Part(self.record.label, process, output, written)
        finally:
            process.kill()
            process.wait()

    def _merged(self, reports: Sequence[ConformanceReport]) -> ConformanceReport:
        """One report of what all processes tried."""
        suites = [suite for report in reports for suite in report.suites]
        if not suites:
            raise PluginError(f"the suites of {self.record.label} cannot be run: there are none")
        if len(reports) > 1:
            suites.sort(key=lambda suite: suite.name)
        return attrs.evolve(reports[0], suites=tuple(suites))


@attrs.frozen
class _Part:
    """A process that runs a part of the suites."""

    label: str
    process: subprocess.Popen[bytes]
    output: Path
    written: Path

    def report(self, deadline: float) -> ConformanceReport:
        """What it found, when it is over."""
        try:
            code = self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise PluginError(f"the suites of {self.label} took more than {TIMEOUT_S} s") from None
        # 0 and 1 are what passed and failed tests give, 5 that there are none; at anything else they were not run.
        if code not in (0, 1, 5) or not self.written.exists():
            output = self.output.read_text(encoding="utf-8", errors="replace").strip()
            said = f":\n{output}" if output else ""
            raise PluginError(f"the suites of {self.label} cannot be run{said}")
        return read_report(self.written)


@contextmanager
def _ended_in_order() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that no process of it is left behind."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _environment() -> dict[str, str]:
    """That of this process for another folder, without what would change how pytest runs."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
    if path := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _storage(plugin: str) -> dict[str, str]:
    """Where Hypothesis keeps what it finds out about Unicode and sources, which takes a second each time.

    Examples are not kept: the profiles of the kit have no database.
    """
    folder = kept_report_path(plugin).parent / "hypothesis"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return {}
    return {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder)} if os.access(folder, os.W_OK) else {}


def _import_ms(record: PluginRecord) -> float:
    """Milliseconds that importing the plugin's module takes where Hector is imported already.

    It is in the caches of the system and has bytecode: this process has imported it.
    """
    command = [sys.executable, "-c", _TIMED_IMPORT, record.module]
    said = subprocess.check_output(command, env=_environment(), text=True, timeout=TIMEOUT_S)
    return round(float(said.split()[-1]), 1)
