"""How many threads and how long a context this machine can well give to a model."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hector_plugin_llamacpp.gguf_header import ModelHeader

__all__ = ["default_context", "default_threads", "memory_bytes", "processors"]

_USUAL_CONTEXT = 8192
_SMALLEST_CONTEXT = 512
_SHARE_OF_MEMORY = 4
_CPU_FOLDER = Path("/sys/devices/system/cpu")
_CGROUP_FOLDER = Path("/sys/fs/cgroup")


def default_threads() -> int:
    """Cores that this process may use, less one for everything else; at least 1.

    The threads of llama.cpp wait for each other in a loop that does nothing else. Where they have fewer cores than
    there are of them, each waits for one that does not run, and an answer takes ten times as long.
    """
    return max(1, processors() - 1)


def processors(cpus: Path = _CPU_FOLDER, cgroup: Path = _CGROUP_FOLDER) -> int:
    """Cores this process may run on: those of its affinity, each counted once, and not more than its quota."""
    usable = _affinity()
    # Two threads of one core share what computes.
    cores = {_first(cpus / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in usable}
    return max(1, min([len(cores), *_quota(cgroup)]))


def _affinity() -> Iterable[int]:
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _quota(cgroup: Path) -> list[int]:
    """Whole processors of the quota of a container; none where there is no quota."""
    words = _first(cgroup / "cpu.max").split()
    if len(words) == 2 and all(word.isdecimal() for word in words):
        return [max(1, int(words[0]) // max(1, int(words[1])))]
    return []


def memory_bytes(cgroup: Path = _CGROUP_FOLDER) -> int | None:
    """The memory of the machine, or of the container that this runs in; None where nobody says."""
    known: list[int] = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = _first(cgroup / "memory.max")
    if limit.isdecimal():
        known.append(int(limit))
    return min(known, default=None)


def _first(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def default_context(header: ModelHeader, *, slots: int, memory: int | None) -> int:
    """Tokens of context for each slot: 8192, but no more than the model was trained with or a quarter of memory holds.

    Args:
        header: of the model.
        slots: contexts that are held at a time.
        memory: bytes of the machine, or None where they are not known.

    Returns:
        At least 512, or what the model was trained with where that is less.
    """
    tokens = _USUAL_CONTEXT
    if memory is not None and header.cache_bytes_per_token:
        affordable = memory // _SHARE_OF_MEMORY // slots // header.cache_bytes_per_token
        tokens = min(tokens, max(_SMALLEST_CONTEXT, affordable // 256 * 256))
    return min(tokens, header.context_tokens or tokens)
