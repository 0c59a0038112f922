"""Reloads that nobody waits for: asked for by a changed file or a signal, told on the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import click

from hector import Runtime, diagnostic_json, render_diagnostic
from hector.errors import (
    ConfigError,
    Diagnostic,
    HectorError,
    ReloadSupersededError,
    RuntimeClosedError,
)
from hector_server.watching.report import tell

__all__ = ["Reloads"]

logger = logging.getLogger("hector_server.watching")


@attrs.frozen
class Reloads:
    """Reloads a runtime and says what came of it.

    Attributes:
        runtime: what is reloaded, from the file it was opened with.
        is_logging_problems: problems of the config go to the log, one record for each; else they are printed on
            the standard error stream as `hector validate` prints them.
        is_watching: the next save asks for a reload, too; else only a signal does.
    """

    runtime: Runtime
    is_logging_problems: bool = False
    is_watching: bool = False

    async def reload(self, reason: Literal["watch", "signal"]) -> None:
        """Reload once. Whatever goes wrong is told; only a cancellation is raised."""
        try:
            report = await self.runtime.reload(reason=reason)
        except ConfigError as error:
            self._tell_problems(reason, error)
        except RuntimeClosedError:
            logger.debug("no reload (%s): the server is shutting down", reason)
        except ReloadSupersededError as error:
            logger.info("reload (%s): %s", reason, error.message)
        except HectorError as error:
            self._tell_failure(reason, error)
        except Exception:
            logger.exception("reload (%s) failed: %s; this is a bug", reason, self._goes_on())
        else:
            tell(logger, reason, report)

    def _goes_on(self) -> str:
        return f"generation {self.runtime.generation} goes on"

    def _tell_problems(self, reason: str, error: ConfigError) -> None:
        texts: dict[str, str] = {}
        for item in error.diagnostics:
            if self.is_logging_problems:
                level = logging.ERROR if item.severity == "error" else logging.WARNING
                logger.log(level, "%s", item, extra=_fields(diagnostic=diagnostic_json(item)))
            else:
                click.echo(render_diagnostic(item, _text_of(item, texts)), err=True)
        errors = sum(item.severity == "error" for item in error.diagnostics)
        logger.error(
            "reload (%s): %d problem%s, so the config cannot be used: %s; %s",
            reason,
            errors,
            "" if errors == 1 else "s",
            self._goes_on(),
            "the next save is tried again" if self.is_watching else "mend it, and send SIGHUP",
            extra=_fields(problems=errors, generation=self.runtime.generation),
        )

    def _tell_failure(self, reason: str, error: HectorError) -> None:
        logger.error(
            "reload (%s) failed: %s; it is not tried again before the next %s\n%s",
            reason,
            self._goes_on(),
            "change or SIGHUP" if self.is_watching else "SIGHUP",
            "\n".join((str(error), *(f"also: {note}" for note in getattr(error, "__notes__", ())))),
            extra=_fields(
                code=error.code,
                problem=error.message,
                hint=error.hint,
                generation=self.runtime.generation,
            ),
        )


def _fields(**fields: Any) -> Mapping[str, Any]:
    """For the formatter of JSON records; that of text passes over them."""
    return {"fields": fields}


def _text_of(item: Diagnostic, texts: dict[str, str]) -> str:
    """The text of the file a problem is in, read once; empty when that cannot be."""
    if item.file is None or item.line is None:
        return ""
    if item.file not in texts:
        try:
            texts[item.file] = Path(item.file).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            texts[item.file] = ""
    return texts[item.file]
