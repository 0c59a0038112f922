"""A process that dies takes the programs along that its commands have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = """
import asyncio, sys
from hector_std.tools_command import process

waited = process._is_late


async def is_late(*arguments):
    print("guarded", flush=True)
    return await waited(*arguments)


process._is_late = is_late
asyncio.run(
    process.run_program(
        ["/bin/sh", "-c", sys.argv[1]], folder="/", environment={}, timeout_s=600, max_output=1000
    )
)
"""

PROGRAM = "trap '' TERM HUP INT; exec 3>{pipe}; (sleep 600; true) & echo begun >&3; wait"
"""It and the one it starts take no notice of polite signals, and hold the pipe open for as long as they live."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_command_started_ends_with_the_process_that_ran_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, PROGRAM.format(pipe=pipe)], stdout=subprocess.PIPE, text=True
    )
    with runner, pipe.open() as held:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "guarded\n"
        assert held.readline() == "begun\n"
        runner.send_signal(number)
        assert runner.wait(30) == -number
        assert held.read() == ""  # nobody holds it open any more
