"""Components opened, called, cancelled and closed in any order, on one event loop."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hector.testing.leftovers import Holdings, left_since
from hector.testing.opened import SLOW_IS_FINE
from hector.testing.profiles import examples, steps

if TYPE_CHECKING:
    from hector.testing.provider_laws import ProviderLaws

__all__ = ["play_histories"]

_MOST_OPEN: Final = 3
_STEPS: Final = 12
_UNSHRUNK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would open thousands of components, and a history is short."""
_DEADLINE_S: Final = 30.0
_INDEX: Final = st.integers(0, 7)


def play_histories(laws: ProviderLaws, values: Mapping[str, Any], *, histories: int) -> None:
    """Play random histories of components built from `values`; fail when one leaves something behind.

    Args:
        laws: how to build and to call a component.
        values: settings that can be built.
        histories: how many to play.
    """

    class Machine(ComponentMachine):
        def __init__(self) -> None:
            super().__init__(laws, values)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples(histories),
            stateful_step_count=steps(_STEPS),
            deadline=None,
            phases=_UNSHRUNK,
            suppress_health_check=SLOW_IS_FINE,
        ),
    )


@attrs.define
class _Life:
    """One open component.

    Attributes:
        component: what was opened.
        claims: what only it may hold while it is open.
        closing: set to close it.
        keeper: the task that opened it and will close it.
        calls: the calls under way.
    """

    component: Any
    claims: frozenset[str]
    closing: asyncio.Event
    keeper: asyncio.Task[None]
    calls: list[asyncio.Task[None]] = attrs.field(factory=list[asyncio.Task[None]])


def _has_room(machine: ComponentMachine) -> bool:
    return len(machine.lives) < _MOST_OPEN


def _has_some(machine: ComponentMachine) -> bool:
    return bool(machine.lives)


class ComponentMachine(RuleBasedStateMachine):
    """Plays with up to three components at once; each is entered and left in one task, as in a runtime.

    Attributes:
        lives: the open ones.
    """

    def __init__(self, laws: ProviderLaws, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._laws = laws
        self._values = values
        self._before = Holdings.now()
        self._runner = asyncio.Runner()
        self._place = ExitStack()
        self.lives: list[_Life] = []

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(_DEADLINE_S):
                return await work

        return self._runner.run(limited())

    @precondition(_has_room)
    @rule()
    def open(self) -> None:
        """Open one more, in a folder of its own."""
        folder = Path(self._place.enter_context(tempfile.TemporaryDirectory()))
        self._place.enter_context(self._laws.world(folder))
        claims = self._claims(folder)
        if any(claims & life.claims for life in self.lives):
            return
        self.lives.append(self._run(self._opened(folder, claims)))

    def _claims(self, folder: Path) -> frozenset[str]:
        exclusive = self._laws.provider.exclusive
        if exclusive is None:
            return frozenset()
        return frozenset(exclusive(self._laws.structured(self._values, folder)))

    async def _opened(self, folder: Path, claims: frozenset[str]) -> _Life:
        loop = asyncio.get_running_loop()
        entered: asyncio.Future[Any] = loop.create_future()
        closing = asyncio.Event()

        async def keep() -> None:
            try:
                async with self._laws.opened(folder, self._values) as component:
                    entered.set_result(component)
                    await closing.wait()
            except BaseException as error:
                if entered.done():
                    raise
                entered.set_exception(error)

        keeper = loop.create_task(keep(), name="keeper of a component")
        return _Life(await entered, claims, closing, keeper)

    @precondition(_has_some)
    @rule(index=_INDEX)
    def call(self, index: int) -> None:
        """Call one, and wait for the answer."""
        self._run(self._laws.exercised(self._life(index).component))

    @precondition(_has_some)
    @rule(index=_INDEX, steps=_INDEX)
    def begin_a_call(self, index: int, steps: int) -> None:
        """Call one, and do something else after a few steps of the loop."""
        self._run(self._begun(self._life(index), steps))

    @precondition(_has_some)
    @rule(index=_INDEX, steps=_INDEX)
    def cut_a_call_off(self, index: int, steps: int) -> None:
        """Call one, and cancel the call after a few steps of the loop."""
        life = self._life(index)

        async def cut_off() -> None:
            await self._begun(life, steps)
            await _cancel(life)

        self._run(cut_off())

    async def _begun(self, life: _Life, steps: int) -> None:
        loop = asyncio.get_running_loop()
        life.calls.append(loop.create_task(self._laws.exercised(life.component)))
        for _ in range(steps):
            await asyncio.sleep(0)

    @precondition(_has_some)
    @rule(index=_INDEX)
    def cancel(self, index: int) -> None:
        """Cancel what one is doing, and let others use it still."""
        self._run(_cancel(self._life(index)))

    @precondition(_has_some)
    @rule(index=_INDEX)
    def close(self, index: int) -> None:
        """Cancel what one is doing, and close it."""
        life = self._life(index)
        self.lives.remove(life)
        self._run(_close(life))

    def _life(self, index: int) -> _Life:
        return self.lives[index % len(self.lives)]

    def teardown(self) -> None:
        """Close all, and look what is left."""
        try:
            for life in reversed(self.lives):
                self._run(_close(life))
            left = self._run(_other_tasks())
        finally:
            self._runner.close()
            self._place.close()
        left += left_since(self._before)
        assert not left, f"left behind: {', '.join(left)}"


async def _cancel(life: _Life) -> None:
    """Cancel the calls and wait for their end; an error that one had ended with is raised."""
    for call in life.calls:
        call.cancel()
    results = await asyncio.gather(*life.calls, return_exceptions=True)
    life.calls.clear()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _close(life: _Life) -> None:
    await _cancel(life)
    life.closing.set()
    await life.keeper


async def _other_tasks() -> list[str]:
    await asyncio.sleep(0)
    return [
        f"task {task.get_name()}"
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
    ]
