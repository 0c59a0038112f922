"""The declaration of the SQLite session backend; light, so that collecting it imports no driver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Duration, Provider, Range

__all__ = ["PROVIDERS", "SqliteSettings"]


@attrs.frozen(kw_only=True)
class SqliteSettings:
    """One SQLite file, made with its folder when missing."""

    database: Annotated[Path, Doc("the file; its folder is made when missing")]
    busy_timeout: Annotated[
        float,
        Doc("how long to wait while another process writes"),
        Duration(),
        Range(minimum=0, maximum=3600),
    ] = 5.0


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="session_backend",
        type="sqlite",
        settings=SqliteSettings,
        create="hector_std.sqlite_sessions.store:create",
        summary="Sessions in one SQLite file, durable at every append.",
    ),
)
