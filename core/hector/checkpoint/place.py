"""Whether another process on the same machine has died, so that nobody has to wait for its heart to stop."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_gone", "this_place"]

_PROC = Path("/proc")


def this_place() -> str:
    """What identifies this process to others on the same machine: the machine's start, its process space, the process.

    Empty where the system does not tell (anything but Linux): then only the heartbeat counts.
    """
    here, process = _here(), _process(os.getpid())
    return f"{here}/{process}" if here and process else ""


def is_gone(place: str) -> bool:
    """Whether a process is known to have ended; False where that cannot be told, such as for another machine's."""
    here, _, process = place.rpartition("/")
    if not place or here != _here():
        return False
    number = process.partition(":")[0]
    return number.isdecimal() and _process(int(number)) != process


def _here() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return f"{boot}/{space}"


def _process(number: int) -> str:
    """Its number and when it started, for numbers are given again; empty if there is none (see proc(5), field 22)."""
    try:
        stat = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    is_dead = fields[0] in "ZX"
    return "" if is_dead else f"{number}:{fields[19]}"
