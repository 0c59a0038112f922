"""SIGHUP asks for a reload, from the first moment of the process to its last."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

__all__ = ["HangUp"]


class HangUp:
    """The signal SIGHUP, which by default would end the process.

    A signal that comes before anybody listens is kept for who listens first. One that comes because
    the terminal was closed which the process was started from ends it, as SIGTERM would: nobody is
    left to stop it. A process that was told to outlive its terminal (`nohup`) does.

    Where there is no SIGHUP (Windows), nothing happens, ever.
    """

    def __init__(self) -> None:
        self._was_asked = False
        self._listener: Callable[[], None] | None = None
        self._has_terminal = False

    @classmethod
    def install(cls) -> HangUp:
        """Take the signal over. Only the main thread can; elsewhere nothing is taken."""
        hangup = cls()
        if hasattr(signal, "SIGHUP"):
            is_immune = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            hangup._has_terminal = not is_immune and _has_terminal()
            try:
                signal.signal(signal.SIGHUP, hangup._on_signal)
            except ValueError:  # not the main thread
                return hangup
        return hangup

    def ignore(self) -> None:
        """Let the signal do nothing any more, not even when Python has let go of its handlers."""
        self._listener = None
        if hasattr(signal, "SIGHUP"):
            # Held back meanwhile: one that falls between the two handlers makes Python print a traceback.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` at each signal, and at once if there was one already.

        It is called between two steps of the main thread, so it should only wake somebody up.
        """
        self._listener = listener
        if self._was_asked:
            self._was_asked = False
            listener()

    def stop_listening(self) -> None:
        """Call nobody; a signal is kept again."""
        self._listener = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._has_terminal and not _has_terminal():
            self._has_terminal = False
            signal.raise_signal(signal.SIGTERM)
        elif self._listener is None:
            self._was_asked = True
        else:
            self._listener()


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal that still exists."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
