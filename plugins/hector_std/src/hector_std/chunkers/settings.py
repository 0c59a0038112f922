"""What the chunkers declare: their settings and their providers."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi import Doc, Range

__all__ = [
    "OverlappingSettings",
    "SemanticSettings",
    "SizeSettings",
]


@attrs.frozen(kw_only=True)
class SizeSettings:
    """Keys of the strategies `simple` and `sentence`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000


@attrs.frozen(kw_only=True)
class OverlappingSettings:
    """Keys of the strategy `overlapping`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000
    overlap: Annotated[
        int | None,
        Range(minimum=0),
        Doc("most characters repeated from the chunk before; a fifth of the size if omitted"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        if self.overlap is not None and self.overlap >= self.size:
            raise ValueError(f"overlap ({self.overlap}) must be smaller than size ({self.size})")


@attrs.frozen(kw_only=True)
class SemanticSettings:
    """Keys of the strategy `semantic`."""

    size: Annotated[int, Range(minimum=1), Doc("most characters of a chunk")] = 1000
    min_size: Annotated[
        int | None,
        Range(minimum=0),
        Doc("sections with fewer characters are joined; a tenth of the size if omitted"),
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong."""
        if self.min_size is not None and self.min_size > self.size:
            raise ValueError(f"min_size ({self.min_size}) must not exceed size ({self.size})")
