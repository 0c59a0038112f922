"""An embedder without a model and without downloads."""

from __future__ import annotations

from hector_std.lexical.provider import PROVIDERS, LexicalSettings

__all__ = ["PROVIDERS", "LexicalSettings"]
