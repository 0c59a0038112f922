"""Google's embeddings API from the provider's side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hector.testing.gemini_contents import spelled
from hector.testing.gemini_wire import gemini_refusal
from hector.testing.openai_faults import check
from hector.testing.wire_protocol import EmbeddingWire, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["GeminiEmbeddingWire"]

_TASKS = frozenset({"RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT"})


class GeminiEmbeddingWire(EmbeddingWire):
    """`POST /v1beta/models/…:batchEmbedContents`; vectors come in the order of the texts."""

    path = ""
    most_texts = 100

    def texts(self, request: WireRequest) -> Sequence[str]:
        """See `EmbeddingWire.texts`."""
        found = re.fullmatch(r"/v1(?:beta)?/(models/[^:/]+):batchEmbedContents", request.path)
        check(found, f"unknown path {request.path}")
        check(request.headers.get("x-goog-api-key"), "method doesn't allow unregistered callers")
        asked: Sequence[Mapping[str, Any]] = spelled(request.json)["requests"]
        check(0 < len(asked) <= self.most_texts, f"{len(asked)} requests in one batch")
        model = found[1] if found else ""
        return [self._text(item, model) for item in asked]

    def _text(self, asked: Mapping[str, Any], model: str) -> str:
        check(asked["model"] == model, "the model is not that of the path")
        task = asked.get("taskType")
        check(task is None or task in _TASKS, f"unknown task type {task}")
        check(task is None or "embedding-2" not in model, "this model takes no task type")
        check(asked.get("outputDimensionality", 1) > 0, "output_dimensionality: not positive")
        parts = asked["content"]["parts"]
        # More parts would be one vector all the same.
        check(len(parts) == 1 and parts[0]["text"], "content is empty, or more than one text")
        return str(parts[0]["text"])

    def vectors(self, vectors: Sequence[Sequence[float]], request: WireRequest) -> WireReply:
        """See `EmbeddingWire.vectors`."""
        return WireReply.of_json({"embeddings": [{"values": list(vector)} for vector in vectors]})

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `EmbeddingWire.refuse`."""
        return gemini_refusal(fault, text, headers)
