"""Several LLMs as one: fallback, weights, rate limits."""

from __future__ import annotations

from hector_std.router.provider import PROVIDERS

__all__ = ["PROVIDERS"]
