"""How chunks lie in a vector store, and how hits become passages again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hector.message import JSONObject, JSONValue
from hector.rag.pipeline import Prepared
from hector.spi import Passage, Vector, VectorHit, VectorRecord

__all__ = ["embedded_text", "first_id", "passage", "records_of"]

# Keys of the index beside those of the document. `document_id`, `title` and `heading` are there to
# be filtered by; the others are the index's own.
_OWN = frozenset(
    {"document_id", "title", "heading", "chunk", "start_line", "end_line", "hash", "chunks"}
)


def first_id(document_id: str) -> str:
    """The id of a document's first chunk, whose record is its line in the ledger."""
    return f"{document_id}#0"


def embedded_text(prepared: Prepared, index: int) -> str:
    """What is embedded for a chunk: title and headings say what its text may leave out."""
    chunk = prepared.chunks[index]
    title = prepared.document.title
    trail = chunk.heading
    if title and not trail.startswith(title):
        trail = f"{title} > {trail}" if trail else title
    return f"{trail}\n\n{chunk.text}" if trail else chunk.text


def records_of(prepared: Prepared, vectors: Sequence[Vector]) -> list[VectorRecord]:
    """One record per chunk, the first with the ledger's entry of the document."""
    document = prepared.document
    kept = _kept(document.metadata)
    records: list[VectorRecord] = []
    for chunk, vector in zip(prepared.chunks, vectors, strict=True):
        metadata: dict[str, JSONValue] = {
            **kept,
            "document_id": document.id,
            "title": document.title,
            "heading": chunk.heading,
            "chunk": chunk.index,
            "start_line": chunk.start_line,
            "end_line": chunk.end_line,
        }
        if chunk.index == 0:
            metadata |= {"hash": prepared.hash, "chunks": len(prepared.chunks)}
        records.append(
            VectorRecord(
                id=f"{document.id}#{chunk.index}",
                vector=vector,
                text=chunk.text,
                metadata=metadata,
            )
        )
    return records


def _kept(metadata: JSONObject) -> dict[str, JSONValue]:
    """Scalars and lists of scalars as they are, other values as JSON text, nulls left out."""
    kept: dict[str, JSONValue] = {}
    for key, value in metadata.items():
        if value is None:
            continue
        is_nested = isinstance(value, Mapping) or (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and not all(isinstance(item, str | int | float) for item in value)
        )
        kept[key] = json.dumps(value, ensure_ascii=False) if is_nested else value
    return kept


def passage(hit: VectorHit, store: str) -> Passage:
    """The passage a hit stands for."""
    metadata = hit.metadata
    return Passage(
        document_id=str(metadata.get("document_id", "")),
        text=hit.text,
        score=hit.score,
        store=store,
        title=str(metadata.get("title", "")),
        heading=str(metadata.get("heading", "")),
        start_line=_number(metadata.get("start_line")),
        end_line=_number(metadata.get("end_line")),
        metadata={key: value for key, value in metadata.items() if key not in _OWN},
    )


def _number(value: JSONValue) -> int:
    return int(value) if isinstance(value, int | float) else 0
