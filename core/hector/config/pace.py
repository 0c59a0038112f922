"""Work in a thread that leaves the interpreter to others every millisecond.

A thread that computes gives up the interpreter only when another has waited for 5 ms (`sys.getswitchinterval`), each
time that one wakes: an event loop beside it would stall for that long at every turn. A sleep of any length hands it
over at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["give_way", "giving_way"]

_STRETCH_S = 0.001
_PAUSE_S = 0.00005

_local = threading.local()


@contextmanager
def giving_way() -> Generator[None]:
    """Let `give_way` take effect in this thread; it does nothing anywhere else. May be nested."""
    outside = getattr(_local, "until", None)
    if outside is None:
        _local.until = time.perf_counter() + _STRETCH_S
    try:
        yield
    finally:
        if outside is None:
            _local.until = None


def give_way() -> None:
    """Pause for a moment if this thread has computed for a millisecond since its last pause.

    To be called in every loop whose length a config decides; it takes a fraction of a microsecond.
    """
    until = getattr(_local, "until", None)
    if until is not None and time.perf_counter() >= until:
        time.sleep(_PAUSE_S)
        _local.until = time.perf_counter() + _STRETCH_S
