"""The declaration of the SQLite session backend; light, so that collecting it imports no driver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Duration, Provider, Range
from hector.spi.session_artifacts import DEFAULT_ARTIFACT_BYTES
from hector.spi.session_blob_settings import BlobSettings

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
    max_artifact_bytes: Annotated[
        int, Doc("the largest artifact that is taken, in bytes"), Range(minimum=1)
    ] = DEFAULT_ARTIFACT_BYTES
    hot_bytes: Annotated[
        int,
        Doc("about how much memory the decoded logs of recent sessions may take; 0 keeps none"),
        Range(minimum=0),
    ] = 64 * 1024 * 1024
    blobs: Annotated[
        BlobSettings | None, Doc("where large artifacts go instead of the database")
    ] = None


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="session_backend",
        type="sqlite",
        settings=SqliteSettings,
        create="hector_std.sqlite_sessions.store:create",
        summary="Sessions in one SQLite file, durable at every append.",
    ),
)
