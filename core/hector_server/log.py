"""Where the log goes and what its lines look like."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

__all__ = ["configure_logging"]

TEXT_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure_logging(
    level: str = "info",
    format: Literal["text", "json"] = "text",
    file: Path | None = None,
) -> None:
    """Send all loggers of the process to the standard error stream, or to `file`.

    Args:
        level: least level that is logged: `debug`, `info`, `warn`, `warning` or `error`.
        format: lines for people, or a JSON object for each record.
        file: appended to; its folder must exist.

    Raises:
        OSError: the file cannot be written.
    """
    handler = (
        logging.StreamHandler() if file is None else logging.FileHandler(file, encoding="utf-8")
    )
    handler.setFormatter(JSONFormatter() if format == "json" else logging.Formatter(TEXT_FORMAT))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel({"warn": "WARNING"}.get(level.lower(), level.upper()))
    # What uvicorn tells at info (start, stop, waiting) is told by us.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, root.level))
    # The HTTP clients tell of each request to a model or a tool, with its address.
    for client in ("httpx", "httpx2"):
        logging.getLogger(client).setLevel(
            logging.NOTSET if root.level <= logging.DEBUG else max(logging.WARNING, root.level)
        )


class JSONFormatter(logging.Formatter):
    """One JSON object for each record, with what was logged as `extra={"fields": {…}}` in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
