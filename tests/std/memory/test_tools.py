"""The toolset `memory` keeps the laws of every toolset."""

from __future__ import annotations

from hector_std.conformance import TestMemoryTools

__all__ = ["TestMemoryTools"]
