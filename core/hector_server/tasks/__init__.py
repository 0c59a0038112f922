"""Tasks: invocations as A2A clients see them."""

from __future__ import annotations

from hector_server.tasks.catch_up import missed_updates, standing_of
from hector_server.tasks.kept import state_of
from hector_server.tasks.position import parse_position
from hector_server.tasks.questions import APPROVAL, question_json
from hector_server.tasks.subscription import Subscription
from hector_server.tasks.table import TaskTable
from hector_server.tasks.task import STATES, Task, TaskState

__all__ = [
    "APPROVAL",
    "STATES",
    "Subscription",
    "Task",
    "TaskState",
    "TaskTable",
    "missed_updates",
    "parse_position",
    "question_json",
    "standing_of",
    "state_of",
]
