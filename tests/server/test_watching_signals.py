"""SIGHUP reloads, at any time, and never ends the server; but for the end of its terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from watch_stage import config_text, serving_file

from hector_server.hangup import HangUp

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "conf" / "hector.yaml"
    file.parent.mkdir()
    file.write_text(config_text("Helps."))
    return file


@pytest.fixture
def own_signal() -> Generator[None]:
    """Whatever a test does to the signal is undone."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_sighup_reloads_with_and_without_watch(config: Path) -> None:
    with serving_file(config) as server:
        config.write_text(config_text("Reloaded"))
        server.process.send_signal(signal.SIGHUP)
        server.until_described("Reloaded")
        server.line(r"reload \(signal\): generation 2 runs: rebuilt agents\.helper; ")
        config.write_text("agents: 7\n")
        server.process.send_signal(signal.SIGHUP)
        server.line(
            r"reload \(signal\): 1 problem, .*: generation 2 goes on; mend it, and send SIGHUP$"
        )
        assert server.count("watching: watching") == 0
    with serving_file(config_again(config), "--watch") as server:
        server.process.send_signal(signal.SIGHUP)
        server.line(r"reload \(signal\): nothing changed, generation 1 goes on")


def config_again(file: Path) -> Path:
    file.write_text(config_text("Again"))
    return file


def test_sighup_during_the_start_reloads_after_it(config: Path) -> None:
    """The config reads from a pipe, which holds up the start until the signal was sent."""
    base = config.with_name("base.yaml")
    os.mkfifo(base)
    config.write_text(config_text("Helps.", extends="base.yaml"))
    with serving_file(config, is_ready=False) as server:
        with base.open("w") as pipe:  # waits for the reader
            server.process.send_signal(signal.SIGHUP)
            beside = config.with_name("regular.yaml")
            beside.write_text("version: '1'\n")
            beside.replace(base)
            pipe.write("version: '1'\n")
        server.line(r"ready at")
        server.line(r"reload \(signal\): nothing changed, generation 1 goes on")


def test_sighup_during_the_shutdown_does_nothing(config: Path) -> None:
    """From SIGTERM to the end of the process, as fast as they can be sent."""
    with serving_file(config, "--watch") as server:
        server.process.send_signal(signal.SIGTERM)
        while server.process.poll() is None:
            server.process.send_signal(signal.SIGHUP)
        assert server.process.returncode == 0


def test_a_signal_nobody_listens_to_is_kept_for_who_listens_first(own_signal: None) -> None:
    heard: list[str] = []
    hangup = HangUp.install()
    for _ in range(3):
        signal.raise_signal(signal.SIGHUP)
    hangup.listen(lambda: heard.append("early"))
    assert heard == ["early"]
    signal.raise_signal(signal.SIGHUP)
    assert heard == ["early", "early"]
    hangup.stop_listening()
    hangup.ignore()
    signal.raise_signal(signal.SIGHUP)
    hangup.listen(lambda: heard.append("late"))
    assert heard == ["early", "early"]


def test_where_there_is_no_sighup_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.delattr(signal, "SIGHUP")
    hangup = HangUp.install()
    hangup.listen(lambda: pytest.fail("nobody asked"))
    hangup.stop_listening()
    hangup.ignore()


@pytest.mark.parametrize("is_immune", [False, True])
def test_a_server_ends_with_its_terminal_unless_told_to_outlive_it(
    config: Path, is_immune: bool
) -> None:
    """Closing the window must not leave a server that holds the port; `nohup` is the way to say so."""
    log = config.with_name("log")
    controller, terminal = pty.openpty()
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, str(int(is_immune)), str(config)],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    os.close(terminal)
    try:
        wait_for(log, r"ready at")
        os.close(controller)  # now the kernel sends SIGHUP
        if is_immune:
            wait_for(log, r"reload \(signal\): nothing changed")
            process.terminate()
        assert process.wait(20) == 0
        wait_for(log, r"SIGTERM: shutting down")
    finally:
        process.kill()
        process.wait()


OWN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN if int(sys.argv[1]) else signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "hector", "serve", "--port", "0", "--config", sys.argv[2]])
"""
"""A session of its own whose terminal is its standard input, and the server in it.

What SIGHUP does at first is said in both cases: who runs the tests with `nohup` hands down that it is ignored.
"""


def wait_for(log: Path, pattern: str) -> None:
    deadline = time.monotonic() + 20
    while not (log.exists() and re.search(pattern, log.read_text())):
        if time.monotonic() > deadline:
            pytest.fail(f"no {pattern!r} in:\n{log.read_text() if log.exists() else ''}")
        time.sleep(0.02)
