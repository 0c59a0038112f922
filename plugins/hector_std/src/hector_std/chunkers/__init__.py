"""The chunkers of the standard plugins: simple, overlapping, sentence and semantic.

All four keep the same laws: every line that is not blank is in a chunk, in order; no chunk has more
than `size` characters; line numbers are right; the same document gives the same chunks.
"""

from __future__ import annotations

from hector_std.chunkers.providers import PROVIDERS

__all__ = ["PROVIDERS"]
