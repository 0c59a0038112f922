"""How a database's config says where large artifacts go; light, so that it may be read without an event loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import attrs

from hector.errors import UsageError
from hector.spi.session_artifacts import PIECE_BYTES
from hector.spi.settings import Doc, Duration, Range, Secret

__all__ = ["BlobSettings"]


@attrs.frozen(kw_only=True)
class BlobSettings:
    """Where the content of large artifacts goes; one of `folder` and `url`."""

    folder: Annotated[
        Path | None, Doc("a local folder, shared by all processes that use the database")
    ] = None
    url: Annotated[
        str | None,
        Doc("a place for fsspec, such as `s3://bucket/artifacts`; needs `hector[fsspec]`"),
    ] = None
    options: Annotated[
        Mapping[str, Any], Doc("storage options of fsspec for `url`, such as `endpoint_url`")
    ] = attrs.field(factory=dict[str, Any])
    credentials: Annotated[
        Mapping[str, Secret],
        Doc("more storage options, which are secret, such as `key`, `secret` or `token`"),
    ] = attrs.field(factory=dict[str, Secret])
    min_bytes: Annotated[
        int,
        Doc("bytes from which on an artifact goes there; so much of each is held in memory first"),
        Range(minimum=0),
    ] = PIECE_BYTES
    timeout: Annotated[
        float,
        Doc("how long to wait for one piece of at most 1 MiB"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 60.0

    def __attrs_post_init__(self) -> None:
        if (self.folder is None) == (self.url is None):
            raise UsageError(
                "`blobs` needs either `folder` or `url`",
                hint="name a local folder, or a place for fsspec such as `s3://bucket/artifacts`",
            )
        if self.folder is not None and (self.options or self.credentials):
            raise UsageError("`blobs.options` and `blobs.credentials` belong to `blobs.url`")
