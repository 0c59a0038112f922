"""Which events an agent on a branch gets to see."""

from __future__ import annotations

from hector.message.event import ISOLATED

__all__ = ["is_visible", "join"]


def join(branch: str, segment: str) -> str:
    """`branch` with one more segment; `/` in the segment would read as two and is replaced."""
    segment = segment.replace("/", "_")
    return f"{branch}/{segment}" if branch else segment


def _isolation_root(branch: str) -> str:
    segments = branch.split("/")
    for index in range(len(segments) - 1, -1, -1):
        if segments[index].startswith(ISOLATED):
            return "/".join(segments[: index + 1])
    return ""


def _is_below(branch: str, ancestor: str) -> bool:
    return ancestor in ("", branch) or branch.startswith(f"{ancestor}/")


def is_visible(branch: str, *, seen_from: str) -> bool:
    """Whether an event on `branch` is part of the conversation on `seen_from`.

    Own branch, ancestors up to the innermost isolated one, and descendants that are not isolated.
    """
    if branch == seen_from:
        return True
    root = _isolation_root(seen_from)
    if not _is_below(branch, root):
        return False
    if _is_below(seen_from, branch):
        return True
    if not _is_below(branch, seen_from):
        return False
    rest = branch[len(seen_from) :].lstrip("/")
    return not any(segment.startswith(ISOLATED) for segment in rest.split("/"))
