"""The words of a hint: what was probably meant, and what there is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["did_you_mean"]


def did_you_mean(word: str, choices: Sequence[str], *, none: str | None = None) -> str | None:
    """Such as "did you mean `model`? (one of: instructions, model, tools)".

    Args:
        word: what was written; empty to list the choices only.
        choices: what could have been.
        none: what to say when there are no choices.
    """
    if not choices:
        return none
    listed = f"one of: {', '.join(choices)}"
    if not word:
        return listed
    lowered = {choice.lower(): choice for choice in reversed(choices)}
    nearest = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f"did you mean `{lowered[nearest[0]]}`? ({listed})" if nearest else listed
