"""Ollama's embedding API from the provider's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hector.testing.ollama_wire import ollama_refusal
from hector.testing.openai_faults import check
from hector.testing.wire_protocol import EmbeddingWire, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["OllamaEmbeddingWire"]


class OllamaEmbeddingWire(EmbeddingWire):
    """`POST /api/embed`; vectors come in the order of the texts."""

    path = ""
    most_texts = 2048

    def texts(self, request: WireRequest) -> Sequence[str]:
        """See `EmbeddingWire.texts`."""
        check(request.path == "/api/embed", f"unknown path {request.path}")
        texts: Sequence[Any] = request.json["input"]
        check(request.json["model"], "model is required")
        check(texts and len(texts) <= self.most_texts, f"{len(texts)} texts in one request")
        check(all(isinstance(text, str) and text for text in texts), "an empty text")
        return list(texts)

    def vectors(self, vectors: Sequence[Sequence[float]], request: WireRequest) -> WireReply:
        """See `EmbeddingWire.vectors`."""
        content = {
            "model": request.json["model"],
            "embeddings": [list(vector) for vector in vectors],
            "prompt_eval_count": len(vectors),
        }
        return WireReply.of_json(content)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `EmbeddingWire.refuse`."""
        return ollama_refusal(fault, text, headers)
