"""What the tests of tools share."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules

DEADLINE_S = 15

SCRIPT = """\
exec 3>"$1"
sh -c 'trap "" TERM; sleep 1000' &
{before}echo ready >&3
{then}
"""


class Family:
    """A program and its child, which takes no notice of SIGTERM; both hold a pipe open for as long as they live.

    Attributes:
        command: starts them; the program then waits for ever.
        deaf_command: the same, and the program takes no notice of SIGTERM either.
        leaving_command: the program ends at once, and leaves its child behind.
    """

    def __init__(self, folder: Path) -> None:
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        self.reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        scripts = {
            "family.sh": SCRIPT.format(before="", then="wait"),
            "deaf.sh": SCRIPT.format(before="trap '' TERM; ", then="sleep 1000"),
            "leaving.sh": SCRIPT.format(before="", then="exit 0"),
        }
        for name, text in scripts.items():
            (folder / name).write_text(text)
        self.command, self.deaf_command, self.leaving_command = (
            f"sh {folder / name} {pipe}" for name in scripts
        )

    async def started(self) -> None:
        """Return when both run."""
        assert await self._read() == b"ready\n"

    async def gone(self) -> None:
        """Return when neither is there any more."""
        while await self._read() != b"":
            pass

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self.reading, readable.set)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    await readable.wait()
                    readable.clear()
                    try:
                        return os.read(self.reading, 100)
                    except BlockingIOError:
                        continue
        finally:
            loop.remove_reader(self.reading)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    """See `Family`."""
    made = Family(tmp_path)
    yield made
    os.close(made.reading)
