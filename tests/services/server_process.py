"""A database server for tests and benchmarks: a process on the loopback that can be stopped and killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["START_TIMEOUT_S", "ServerProcess", "free_port"]

START_TIMEOUT_S = 60


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class ServerProcess(ABC):
    """A server that can be stopped, killed and started again; its data stays until the folder goes.

    Attributes:
        name: for messages.
        users: whom it runs as when root starts it: the first there is.
        stop_signal: shuts it down in good order.
        kill_signal: does what a crash does: nothing is flushed, and the next start has to recover.
        folder: of its files.
        as_user: how to start it as another user.
        port: where it listens, on 127.0.0.1.
    """

    name: ClassVar[str]
    users: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[signal.Signals]
    kill_signal: ClassVar[signal.Signals]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.as_user: dict[str, Any] = {}
        self.port = free_port()
        self._log = folder / "server.log"
        self._process: subprocess.Popen[Any] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes connections."""

    def environment(self) -> dict[str, str] | None:
        """Its environment; None: that of the tests."""
        return None

    @property
    def pid(self) -> int | None:
        """Of its process, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it, from the main thread: the server ends with the thread that it was started from."""
        command = self.command()
        if shutil.which("setpriv"):  # it does not outlive a test run that was killed
            name = self.stop_signal.name.removeprefix("SIG")
            command = ["setpriv", "--pdeathsig", name, *command]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd="/", stdout=log, stderr=log, env=self.environment(), **self.as_user
            )

    def wait_until_ready(self) -> None:
        """Wait until it takes connections; from any thread."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if (
                self._process is None
                or self._process.poll() is not None
                or time.monotonic() > deadline
            ):
                raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut it down in good order."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """What a crash does."""
        self._end(self.kill_signal)

    def use_another_user(self) -> None:
        """Run it as somebody else than root, and give that user the folder."""
        for name in self.users:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                break
        else:
            raise RuntimeError(f"{self.name} refuses to run as root, and there is no other user")
        self.as_user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self.folder.chmod(0o755)
        os.chown(self.folder, entry.pw_uid, entry.pw_gid)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None
