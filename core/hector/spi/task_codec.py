"""Checkpoints as text, for stores."""

from __future__ import annotations

import json
from typing import Any, get_args

from hector.errors import SessionError
from hector.spi.task import Checkpoint, CheckpointPhase, Progress

__all__ = ["dump_checkpoint", "parse_checkpoint"]

_PHASES = frozenset(get_args(CheckpointPhase))


def dump_checkpoint(checkpoint: Checkpoint) -> str:
    """One line of ASCII that `parse_checkpoint` makes an equal checkpoint of.

    Raises:
        SessionError: an agent's progress is not JSON.
    """
    progress = {run: [item.sequence, item.value] for run, item in checkpoint.progress.items()}
    data: dict[str, Any] = {
        "sequence": checkpoint.sequence,
        "phase": checkpoint.phase,
        "taken_at": checkpoint.taken_at,
        "progress": progress,
    }
    try:
        return json.dumps(data, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionError(
            f"an agent's progress cannot be kept: {error}",
            hint="it holds only what JSON has: null, booleans, numbers, strings, lists and objects",
        ) from error


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that `dump_checkpoint` made `text` from. Raises `SessionError`: it is none."""
    try:
        data = json.loads(text)
        if data["phase"] not in _PHASES:
            raise ValueError(f"unknown phase {data['phase']!r}")
        return Checkpoint(
            sequence=data["sequence"],
            phase=data["phase"],
            taken_at=data["taken_at"],
            progress={run: Progress(*item) for run, item in data["progress"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SessionError(f"what is stored is no checkpoint: {error}") from error
