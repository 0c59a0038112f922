"""The kit sees what is left behind and what is done on the way."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from hector.testing import nothing_left
from hector.testing.side_effects import side_effects


def leave_a_thread(stack: ExitStack, folder: Path) -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait, name="left")
    thread.start()
    stack.callback(thread.join)
    stack.callback(gate.set)


def leave_a_descriptor(stack: ExitStack, folder: Path) -> None:
    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def leave_a_child(stack: ExitStack, folder: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    child = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
    assert child.stdin is not None
    stack.callback(child.stdin.close)


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (leave_a_thread, "thread left"),
        (leave_a_descriptor, "descriptor .*null"),
        (leave_a_child, "child process"),
    ],
)
def test_what_is_left_behind_is_named(
    leave: Callable[[ExitStack, Path], None], said: str, tmp_path: Path
) -> None:
    with (
        ExitStack() as stack,
        pytest.raises(AssertionError, match=f"left behind: .*{said}"),
        nothing_left(),
    ):
        leave(stack, tmp_path)


def test_what_was_there_before_or_is_gone_again_is_not_left() -> None:
    before = os.open(os.devnull, os.O_RDONLY)
    with nothing_left():
        os.close(os.open(os.devnull, os.O_RDONLY))
    os.close(before)


def write_a_file(folder: Path) -> None:
    (folder / "a").write_text("x")


def make_a_folder(folder: Path) -> None:
    (folder / "b").mkdir()


def open_a_socket(folder: Path) -> None:
    socket.socket().close()


def open_a_database(folder: Path) -> None:
    sqlite3.connect(":memory:").close()


def run_a_process(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.parametrize(
    ("effect", "seen"),
    [
        (write_a_file, "open"),
        (make_a_folder, "os.mkdir"),
        (open_a_socket, "socket.__new__"),
        (open_a_database, "sqlite3.connect"),
        (run_a_process, "subprocess.Popen"),
    ],
)
def test_an_effect_is_seen_though_nothing_is_left(
    effect: Callable[[Path], object], seen: str, tmp_path: Path
) -> None:
    with side_effects() as effects:
        effect(tmp_path)

    assert any(name.startswith(seen) for name in effects), effects


def test_reading_is_no_effect_and_nothing_is_noted_outside() -> None:
    with side_effects() as effects:
        Path(__file__).read_text()
    Path(os.devnull).write_text("x")

    assert effects == []
