"""What every store of tasks must do, as tests to subclass."""

# asserting is what it is for
from __future__ import annotations

from typing import ClassVar

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from hector.testing.laws import law
from hector.testing.opened import SLOW_IS_FINE
from hector.testing.profiles import examples, steps
from hector.testing.task_append_laws import TaskAppendLaws
from hector.testing.task_claim_laws import TaskClaimLaws
from hector.testing.task_listing_laws import TaskListingLaws
from hector.testing.task_machine import TaskMachine
from hector.testing.task_value_laws import TaskValueLaws

__all__ = ["TasksSuite"]


class TasksSuite(TaskAppendLaws, TaskValueLaws, TaskClaimLaws, TaskListingLaws):
    """The laws of `hector.spi.Tasks`, for a session store that is a `hector.spi.TaskSource`.

    ```python
    class TestTasks(TasksSuite):
        is_persistent = True

        def open_store(self, folder: Path) -> AbstractAsyncContextManager[Sessions]:
            return SqliteSessions(folder / "sessions.db")
    ```

    Attributes:
        is_persistent: whether a store opened a second time for the same folder has the tasks of
            the first; if so, the histories close and open it, too.
        histories: how many histories `test_histories_of_tasks` plays.
    """

    is_persistent: ClassVar[bool] = False
    histories: ClassVar[int] = 20

    @law(
        "TSK-030",
        since="0.1",
        why="Mistakes hide in orders of calls that nobody thought of.",
        fix="Read the history that Hypothesis prints: it is the shortest one that goes wrong, and most of the time "
        "it shows another law being broken.",
    )
    def test_histories_of_tasks(self) -> None:
        """Any history of calls leaves what a plain model of sessions and tasks says."""
        open_store, is_persistent = self.open_store, self.is_persistent

        class Machine(TaskMachine):
            def __init__(self) -> None:
                super().__init__(open_store, is_persistent=is_persistent)

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples(self.histories),
                stateful_step_count=steps(25),
                deadline=None,
                suppress_health_check=SLOW_IS_FINE,
            ),
        )
