"""Checkpoints: when they are taken, and who may go on with a task whose process has died."""

from __future__ import annotations

from hector.checkpoint.checkpointing import Checkpointing
from hector.checkpoint.living import GIVEN_UP_AFTER_BEATS, living_executors
from hector.checkpoint.place import is_gone, this_place
from hector.checkpoint.policy import CheckpointPolicy, RecoveryPolicy
from hector.checkpoint.track import TaskTrack

__all__ = [
    "GIVEN_UP_AFTER_BEATS",
    "CheckpointPolicy",
    "Checkpointing",
    "RecoveryPolicy",
    "TaskTrack",
    "is_gone",
    "living_executors",
    "this_place",
]
