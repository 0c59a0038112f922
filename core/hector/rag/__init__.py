"""Documents that can be searched: the index pipeline and the store over it."""

from __future__ import annotations

from hector.rag.fingerprint import pipeline_fingerprint
from hector.rag.indexed_documents import IndexedDocuments, open_document_store
from hector.rag.options import IndexingOptions, RetryPolicy, SearchOptions
from hector.rag.pipeline import Pipeline
from hector.rag.status import IndexState, IndexStatus

__all__ = [
    "IndexState",
    "IndexStatus",
    "IndexedDocuments",
    "IndexingOptions",
    "Pipeline",
    "RetryPolicy",
    "SearchOptions",
    "open_document_store",
    "pipeline_fingerprint",
]
