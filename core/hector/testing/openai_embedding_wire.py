"""OpenAI's embeddings API from the provider's side."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from hector.testing.openai_faults import check, refusal
from hector.testing.wire_protocol import EmbeddingWire, WireFault
from hector.testing.wire_server import WireReply, WireRequest

__all__ = ["OpenAIEmbeddingWire"]


class OpenAIEmbeddingWire(EmbeddingWire):
    """`POST /v1/embeddings`, as numbers or in Base64, as the request asks."""

    path = "/v1"
    most_texts = 2048

    def texts(self, request: WireRequest) -> Sequence[str]:
        """See `EmbeddingWire.texts`."""
        check(request.path == "/v1/embeddings", f"unknown path {request.path}")
        texts: Sequence[Any] = request.json["input"]
        check(texts and len(texts) <= self.most_texts, f"{len(texts)} texts in one request")
        check(all(isinstance(text, str) and text for text in texts), "an empty text")
        check(sum(len(text.encode()) for text in texts) <= 300_000 or len(texts) == 1, "too large")
        return list(texts)

    def vectors(self, vectors: Sequence[Sequence[float]], request: WireRequest) -> WireReply:
        """See `EmbeddingWire.vectors`; the last vector is sent first."""
        is_text = request.json.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(vector) if is_text else list(vector),
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": len(vectors), "total_tokens": len(vectors)}
        content = {"object": "list", "data": data[::-1], "model": "m", "usage": usage}
        return WireReply.of_json(content)

    def refuse(self, fault: WireFault, text: str, headers: Mapping[str, str]) -> WireReply:
        """See `EmbeddingWire.refuse`."""
        return refusal(fault, text, headers)


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
