"""Cohere's embeddings API from the provider's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hector.testing.cohere_wire import cohere_refusal
from hector.testing.openai_faults import check
from hector.testing.wire_protocol import EmbeddingWire, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["CohereEmbeddingWire"]

_INPUT_TYPES = frozenset({"search_document", "search_query"})


class CohereEmbeddingWire(EmbeddingWire):
    """`POST /v2/embed`; vectors come in the order of the texts."""

    path = ""
    most_texts = 96

    def texts(self, request: WireRequest) -> Sequence[str]:
        """See `EmbeddingWire.texts`."""
        check(request.path == "/v2/embed", f"unknown path {request.path}")
        check(request.headers.get("authorization", "").startswith("Bearer "), "no api key supplied")
        body = request.json
        check(body["model"], "model is required")
        check(body["input_type"] in _INPUT_TYPES, "valid input_type must be provided")
        check(body["embedding_types"] == ["float"], "this wire speaks in floats only")
        check(body["truncate"] in {"START", "END", "NONE"}, f"truncate: {body['truncate']!r}")
        check(body.get("output_dimension", 1) > 0, "output_dimension: not positive")
        texts: Sequence[Any] = body["texts"]
        check(0 < len(texts) <= self.most_texts, f"{len(texts)} texts in one request")
        check(all(isinstance(text, str) and text for text in texts), "an empty text")
        return list(texts)

    def vectors(self, vectors: Sequence[Sequence[float]], request: WireRequest) -> WireReply:
        """See `EmbeddingWire.vectors`."""
        content = {
            "id": "embedding_1",
            "embeddings": {"float": [list(vector) for vector in vectors]},
            "texts": list(request.json["texts"]),
            "response_type": "embeddings_by_type",
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 1}},
        }
        return WireReply.of_json(content)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `EmbeddingWire.refuse`."""
        return cohere_refusal(fault, text, headers)
