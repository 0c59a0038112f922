"""Suites shared out among processes that run side by side."""

from __future__ import annotations

from collections.abc import Sequence

from hector.testing.laws import laws_of

__all__ = ["share_out"]


def share_out(suites: Sequence[type], count: int) -> Sequence[Sequence[type]]:
    """Share suites out into `count` parts with about as many laws each; some may be empty.

    The same suites in the same order are always shared out alike, so that each process can do it for itself.
    """
    parts: list[list[type]] = [[] for _ in range(count)]
    laws = [0] * count
    for suite in sorted(suites, key=lambda it: -len(laws_of(it))):
        least = laws.index(min(laws))
        parts[least].append(suite)
        laws[least] += len(laws_of(suite))
    return parts
