"""What texts are drawn from."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["ENCODABLE"]

ENCODABLE: Final[SearchStrategy[str]] = st.characters(exclude_categories=["Cs"])
"""Every character but lone surrogates: all that has bytes in UTF-8.

Hypothesis draws from the same by default, but asks the codec about each character first, which takes two seconds in
an environment where it has kept nothing yet.
"""
