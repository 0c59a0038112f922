"""What tells whether something must be indexed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from hector.message import JSONValue
from hector.spi import Embedder, RawDocument

__all__ = ["collection_name", "content_hash", "is_sibling", "pipeline_fingerprint"]

_FORMAT = 1  # of the records; a new number indexes everything again
_DIGITS = 12


def _digest(parts: Sequence[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:  # lengths keep `ab`, `c` apart from `a`, `bc`
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def pipeline_fingerprint(*, embedder: Embedder, chunking: JSONValue, parsers: Sequence[str]) -> str:
    """32 hex digits that change when the same documents would give another index.

    Args:
        embedder: its model and dimension count.
        chunking: type and settings of the chunker, as JSON; without secrets.
        parsers: the parsers in the order they are asked, best with the version of each.
    """
    known = {
        "format": _FORMAT,
        "model": embedder.model,
        "dimension": embedder.dimension,
        "chunking": chunking,
        "parsers": list(parsers),
    }
    return _digest([json.dumps(known, sort_keys=True, ensure_ascii=False).encode()])


def content_hash(raw: RawDocument) -> str:
    """32 hex digits that change when the document does: content, media type, name or metadata."""
    metadata = json.dumps(raw.metadata, sort_keys=True, ensure_ascii=False).encode()
    return _digest([raw.data, raw.media_type.encode(), raw.name.encode(), metadata])


def collection_name(collection: str, fingerprint: str) -> str:
    """The collection that holds what this pipeline made."""
    return f"{collection}-{fingerprint[:_DIGITS]}"


def is_sibling(candidate: str, collection: str) -> bool:
    """Whether `candidate` holds what this or another pipeline made for `collection`."""
    prefix, _, digits = candidate.rpartition("-")
    return (
        prefix == collection
        and len(digits) == _DIGITS
        and all(digit in "0123456789abcdef" for digit in digits)
    )
