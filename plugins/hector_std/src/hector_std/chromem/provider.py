"""What `chromem` declares: its settings and its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Provider

__all__ = ["PROVIDERS", "ChromemSettings"]


@attrs.frozen(kw_only=True)
class ChromemSettings:
    """Settings of the embedded vector store."""

    persist_path: Annotated[
        Path | None,
        Doc(
            "folder that keeps the vectors; without it they live in memory and go with the process"
        ),
    ] = None


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="vector_store",
        type="chromem",
        settings=ChromemSettings,
        create="hector_std.chromem.store:open_chromem",
        summary="exact cosine search in process, in memory or crash-safe in a folder",
    ),
)
