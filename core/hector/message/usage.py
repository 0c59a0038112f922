"""What a model call cost in tokens."""

from __future__ import annotations

import attrs

__all__ = ["Usage"]


@attrs.frozen(kw_only=True)
class Usage:
    """Token counts of one or several model calls; all are >= 0, and 0 where the provider says nothing.

    Attributes:
        input_tokens: everything the model read, cached or not.
        output_tokens: everything the model wrote, reasoning included.
        cached_input_tokens: the part of `input_tokens` that was read from a cache.
        cache_write_tokens: the part of `input_tokens` that was written to a cache, for later calls to read.
        reasoning_tokens: the part of `output_tokens` that was reasoning.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input plus output."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Add field by field."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )
