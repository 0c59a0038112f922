"""Tasks: invocations as A2A clients see them."""

from __future__ import annotations

from hector_server.tasks.subscription import Subscription
from hector_server.tasks.table import TaskTable
from hector_server.tasks.task import STATES, Task, to_timestamp

__all__ = ["STATES", "Subscription", "Task", "TaskTable", "to_timestamp"]
