"""Chromem keeps the laws of a vector store, in memory and in a folder."""

from __future__ import annotations

from hector_std.conformance import TestChromemInAFolder, TestChromemInMemory

__all__ = ["TestChromemInAFolder", "TestChromemInMemory"]
