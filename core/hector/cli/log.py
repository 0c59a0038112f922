"""What the logs say while an answer is on the terminal: only what the user can do something about."""

from __future__ import annotations

import logging

import click

__all__ = ["quiet_logging"]


class _Talk(logging.Handler):
    """Warnings of Hector and its plugins, a line each on stderr; with `is_debug` everything, tracebacks too."""

    def __init__(self, *, is_debug: bool) -> None:
        super().__init__(logging.DEBUG if is_debug else logging.WARNING)
        self._is_debug = is_debug

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_debug and not record.name.startswith("hector"):
            return
        text = record.getMessage()
        if self._is_debug:
            text = f"{record.name}: {text}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not self._is_debug:
            text = f"{text.rstrip()}: {type(error).__name__}: {error}"
        # An error in the log is told to the user by whoever gives up, as the one `error:` of the command.
        word = "log" if record.levelno >= logging.ERROR else record.levelname.lower()
        click.echo(f"{word}: {text}", err=True)
        if record.exc_info and self._is_debug:
            click.echo(logging.Formatter().formatException(record.exc_info), err=True)


def quiet_logging(*, is_debug: bool) -> None:
    """Keep the logs of this process off the terminal, but for what the user should know."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(_Talk(is_debug=is_debug))
    root.setLevel(logging.WARNING)
    if is_debug:
        logging.getLogger("hector").setLevel(logging.DEBUG)
    logging.captureWarnings(capture=True)
