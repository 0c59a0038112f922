"""A process that has `hector` loaded, and for each command forks one that runs it: a command costs no start.

It reads a job per line from its standard input: `{"args", "cwd", "env", "stdin", "stdout", "stderr", "timeout_s"}`,
the last but one being files, and answers with a line: the exit status (of a signal: negative), or null when the time
ran out. The child is what `python -m hector ARGS` would have been: an environment, a folder, a path and streams of its
own. Only what stands for itself is loaded beforehand: the modules of the kernel and of the standard plugins.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import select
import signal
import sys
from typing import Any

from hector.cli.app import COMMANDS

PATH = [entry for entry in sys.path if entry]


def load() -> None:
    """Load what commands need."""
    for place, _ in COMMANDS.values():
        importlib.import_module(place.partition(":")[0])
    for point in importlib.metadata.entry_points(group="hector.plugins"):
        importlib.import_module(point.module)
    for name in ("hector.runtime", "hector.runtime.sessions", "hector_std.sqlite_sessions.store"):
        importlib.import_module(name)


def become(job: dict[str, Any]) -> None:
    """Be a process of its own, as one that was started for the job."""
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    before = [job["cwd"], *filter(None, job["env"].get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = [*before, *(entry for entry in PATH if entry not in before)]
    sys.argv = ["hector", *job["args"]]
    importlib.invalidate_caches()
    for number, name, mode in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        opened = os.open(job[name], mode)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they are open as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", buffering=0, closefd=False),  # noqa: SIM115
        errors="backslashreplace",
        write_through=True,
    )


def wait(child: int, timeout_s: float) -> int | None:
    """How the child ended."""
    ended = os.pidfd_open(child)
    try:
        is_over = bool(select.select([ended], [], [], timeout_s)[0])
        if not is_over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(ended)
    return os.waitstatus_to_exitcode(status) if is_over else None


def serve() -> dict[str, Any] | None:
    """Fork for each job until there are no more; in a child, the job."""
    load()
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            return job
        print(json.dumps(wait(child, job["timeout_s"])), flush=True)  # noqa: T201 - so it answers
    return None


if __name__ == "__main__":
    given = serve()
    if given is not None:
        become(given)
        from hector.cli import main

        main()
