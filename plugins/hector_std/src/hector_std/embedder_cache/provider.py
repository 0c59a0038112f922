"""What `cached` declares: its settings and its provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Provider, Range, Reference

__all__ = ["PROVIDERS", "CachedSettings"]


@attrs.frozen(kw_only=True)
class CachedSettings:
    """Settings of the embedder that asks another one only once for each text."""

    embedder: Annotated[str, Doc("the embedder whose vectors are kept"), Reference("embedder")]
    path: Annotated[
        Path | None, Doc("the file; default `embeddings.db` in the folder for state")
    ] = None
    max_megabytes: Annotated[
        int,
        Doc(
            "size of the file from which on the vectors that were not used for longest are dropped"
        ),
        Range(minimum=1),
    ] = 1024


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="embedder",
        type="cached",
        settings=CachedSettings,
        create="hector_std.embedder_cache.embedder:create_cached",
        summary="keeps the vectors of another embedder in a file",
    ),
)
