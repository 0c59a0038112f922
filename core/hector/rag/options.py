"""How a document store indexes and searches."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

__all__ = ["IndexingOptions", "RetryPolicy", "SearchOptions"]


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often a failed call is tried again.

    Attributes:
        attempts: tries in all.
        base_delay_s: the longest pause before the second try; it doubles with each one after. The
            pause itself is drawn at random from half of that up to all of it.
        max_delay_s: no pause is longer, unless the error names a time to wait.
    """

    attempts: int = attrs.field(default=5, validator=ge(1))
    base_delay_s: float = attrs.field(default=0.5, validator=ge(0))
    max_delay_s: float = attrs.field(default=30.0, validator=ge(0))


@attrs.frozen(kw_only=True)
class IndexingOptions:
    """How documents get into the index.

    Attributes:
        max_concurrent: documents parsed, and batches embedded, at a time.
        batch_size: texts embedded in one call.
        timeout_s: how long after the start of the first indexing a search waits for its end.
        retry: for the embedder and the vector store.
    """

    max_concurrent: int = attrs.field(default=4, validator=ge(1))
    batch_size: int = attrs.field(default=64, validator=ge(1))
    timeout_s: float = attrs.field(default=60.0, validator=gt(0))
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)


@attrs.frozen(kw_only=True)
class SearchOptions:
    """How the index is searched.

    Attributes:
        top_k: passages returned when the caller names no number.
        threshold: passages that score lower are left out; 0 leaves none out.
    """

    top_k: int = attrs.field(default=10, validator=ge(1))
    threshold: float = attrs.field(default=0.0, validator=ge(0))
