"""Laws of a component's life: created, opened, closed, cancelled, and nothing left of it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    contextmanager,
    suppress,
)
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from hector.errors import HectorError
from hector.runtime.making import load_create
from hector.testing.component_machine import play_histories
from hector.testing.laws import law
from hector.testing.leftovers import Holdings, nothing_left, only_new
from hector.testing.profiles import examples
from hector.testing.provider_laws import ProviderLaws
from hector.testing.side_effects import side_effects
from hector.testing.surroundings import Surroundings

__all__ = ["ProviderLifeLaws"]

_CUTS: Final = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 85, 113, 150, 200)
"""After how many steps of the loop an opening is cut off."""


class ProviderLifeLaws(ProviderLaws):
    """What is opened is closed, whatever happens between."""

    @law(
        "PLG-006",
        since="0.1",
        why="A component is created before anybody knows whether it will be opened: a reload may be"
        " refused, cancelled or overtaken, and what `create` did then would stay.",
        fix="Make `create` a coroutine function, or let it return an async context manager, and do the work"
        " when that is awaited or entered.",
    )
    def test_create_has_no_effect_before_it_is_opened(self) -> None:
        """Calling `create` starts no task, thread or process, opens no socket and no descriptor, writes no file."""
        values = self.warm_up()

        async def create(folder: Path) -> list[str]:
            built = self.structured(values, folder)
            context = self._surroundings(folder, AsyncExitStack())
            function = await load_create(self.provider)
            before, files = Holdings.now(), _files(folder)
            tasks = asyncio.all_tasks()
            with side_effects() as seen:
                made: Any = function(built, context)
            after = Holdings.now()
            effects = [*seen, *after.beyond(before)]
            effects += ["daemon thread"] * (after.daemons - before.daemons)
            effects += [f"task {task.get_name()}" for task in asyncio.all_tasks() - tasks]
            effects += [f"file {path.name}" for path in _files(folder) - files]
            _discard(made)
            return effects

        with self.folder() as folder:
            effects = self.run(create(folder))
        assert not effects, f"`create` did: {', '.join(effects)}"

    @law(
        "PLG-007",
        since="0.1",
        why="A build that fails drops what it had created and not yet opened.",
        fix="Take nothing in the constructor that must be given back; take it when the component is entered.",
    )
    def test_what_is_never_opened_is_dropped_without_a_trace(self) -> None:
        """A component that is created and thrown away leaves nothing and warns of nothing."""
        values = self.warm_up()

        async def create(folder: Path) -> None:
            function = await load_create(self.provider)
            context = self._surroundings(folder, AsyncExitStack())
            made: Any = function(self.structured(values, folder), context)
            _discard(made)
            del made
            gc.collect()

        with self.folder() as folder, _no_complaints() as complaints, nothing_left(), only_new():
            self.run(create(folder))
            gc.collect()
        assert not complaints, f"dropping it complained: {'; '.join(complaints)}"

    @law(
        "PLG-008",
        since="0.1",
        why="Closing is the one thing that must not fail: it is done when something else has gone wrong"
        " already, and a second time when nobody knows whether the first one came to its end.",
        fix="Let the end of the context manager give back what there is, and do nothing when there is nothing.",
    )
    def test_closing_twice_is_closing_once(self) -> None:
        """A component that is closed again, or that was never opened, closes without an error."""
        values = self.warm_up()

        async def close_twice(folder: Path) -> None:
            async with AsyncExitStack() as stack:
                component = await self._created(values, folder, stack)
                if not _is_manager(component):
                    return
                manager = cast("AbstractAsyncContextManager[Any]", component)
                await manager.__aenter__()
                await manager.__aexit__(None, None, None)
                await manager.__aexit__(None, None, None)
                unopened = await self._created(values, folder, stack)
                if not inspect.isasyncgen(getattr(unopened, "gen", None)):  # that is Python's own
                    await unopened.__aexit__(None, None, None)

        with self.folder() as folder, nothing_left():
            self.run(close_twice(folder))

    async def _created(self, values: Mapping[str, Any], folder: Path, stack: AsyncExitStack) -> Any:
        function = await load_create(self.provider)
        made: Any = function(self.structured(values, folder), self._surroundings(folder, stack))
        return await made if inspect.isawaitable(made) else made

    @law(
        "PLG-009",
        since="0.1",
        why="A build has a deadline and a reload may be overtaken by the next one: cancellation comes at any"
        " await, and whatever was opened up to there must be closed.",
        fix="Enter each thing in an `AsyncExitStack` as soon as you have it, and let cancellation through."
        " A thread that cannot be cancelled must be waited for.",
    )
    def test_an_opening_that_is_cut_off_leaves_nothing(self) -> None:
        """Opening that is cancelled at any await, or that fails, leaves no task, thread, descriptor or process."""
        values = self.warm_up()

        async def cut_off(folder: Path, steps: int) -> bool:
            """Whether it was still opening after so many steps of the loop."""
            task = asyncio.get_running_loop().create_task(self._open_and_close(folder, values))
            for _ in range(steps):
                await asyncio.sleep(0)
                if task.done():
                    break
            is_early = not task.done()
            task.cancel()
            with suppress(asyncio.CancelledError, HectorError, OSError):
                await task
            left = [
                item.get_name()
                for item in asyncio.all_tasks()
                if item is not asyncio.current_task()
            ]
            assert not left, f"tasks left behind after {steps} steps: {', '.join(left)}"
            return is_early

        async def fail(folder: Path) -> None:
            blocked = folder / "blocked"
            blocked.write_text("a file, so that nothing can be made below it")
            with suppress(Exception):  # whatever it fails with becomes a ComponentOpenError
                await self._open_and_close(blocked, values)

        with self.folder() as folder, nothing_left():
            self.run(fail(folder))
        for steps in _spread(examples(self.cut_offs)):
            with self.folder() as folder, nothing_left():
                is_early = self.run(cut_off(folder, steps))
            if not is_early:
                return

    async def _open_and_close(self, folder: Path, values: Mapping[str, Any]) -> None:
        async with self.opened(folder, values):
            pass

    @law(
        "PLG-010",
        since="0.1",
        why="Components of several generations live side by side, and calls are cancelled at any time: whatever"
        " the order, nothing may be left when all are closed.",
        fix="The history that failed is printed: play it step by step. Most often a call holds something that"
        " is given back only when the call comes to its end; give it back in a `finally`.",
    )
    def test_any_history_leaves_nothing(self) -> None:
        """Any order of opening, calling, cancelling and closing ends without a task, thread, descriptor or process."""
        play_histories(self, self.warm_up(), histories=self.histories)

    @law(
        "PLG-012",
        since="0.1",
        why="A server reloads for months: what each build leaves in memory adds up.",
        fix="The message names the types of the objects that stay. Look for module-level lists and caches, for"
        " callbacks and handlers that are registered and not taken back, and for threads of a pool.",
    )
    def test_reloads_stay_flat(self) -> None:
        """Building, using and closing it over and over adds no objects, descriptors or threads."""
        values, cycles = self.warm_up(), examples(self.cycles)
        with only_new():
            counts = self._counts(values, cycles)
        if _grown(counts, cycles):
            # A full cache that lets an old entry go for a new one seems to grow where only the new ones are counted.
            counts = self._counts(values, cycles)
        _, (_, threads, descriptors), (_, more_threads, more_descriptors) = counts
        grown = _grown(counts, cycles)
        assert not grown, f"{cycles} more cycles added objects: {_named(grown)}"
        assert more_threads < threads + cycles, "threads grow with each cycle"
        assert more_descriptors < descriptors + cycles, "descriptors grow with each cycle"

    def _counts(
        self, values: Mapping[str, Any], cycles: int
    ) -> list[tuple[Counter[str], int, int]]:
        """What there is after so many cycles, after twice, and after three times as many."""
        counts: list[tuple[Counter[str], int, int]] = []

        async def live(folder: Path) -> None:
            async with self.opened(folder, values) as component:
                await self.exercised(component)

        logging.disable(logging.CRITICAL)  # whoever captures logs keeps them
        try:
            for _ in range(3):
                for _ in range(cycles):
                    with self.folder() as folder:
                        self.run(live(folder))
                counts.append(_counted())
        finally:
            logging.disable(logging.NOTSET)
        return counts

    def _surroundings(self, folder: Path, stack: AsyncExitStack) -> Surroundings:
        return Surroundings(
            config_dir=folder,
            state_dir=folder,
            components=self.components(),
            stack=stack,
        )


def _spread(count: int) -> list[int]:
    """So many of the places where an opening is cut off, the first ones closer together."""
    if count >= len(_CUTS):
        return list(_CUTS)
    return [_CUTS[place * len(_CUTS) // count] for place in range(count)]


def _is_manager(made: object) -> bool:
    return hasattr(type(made), "__aenter__") and hasattr(type(made), "__aexit__")


def _discard(made: object) -> None:
    """Throw away what `create` gave; a coroutine that never ran is no mistake here."""
    if inspect.iscoroutine(made):
        made.close()


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@contextmanager
def _no_complaints() -> Generator[list[str]]:
    """Collect warnings, and errors that nobody could be given, such as those of `__del__`."""
    import sys

    complaints: list[str] = []
    before: Callable[[Any], Any] = sys.unraisablehook
    sys.unraisablehook = lambda it: complaints.append(f"{it.exc_type.__name__}: {it.exc_value}")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield complaints
        complaints += [str(item.message) for item in warned]
    finally:
        sys.unraisablehook = before


def _grown(counts: list[tuple[Counter[str], int, int]], cycles: int) -> dict[str, int]:
    """What grew with each cycle: what grows once only is what was imported or kept for good."""
    first, middle, last = (types for types, _, _ in counts)
    return {
        name: last[name] - middle[name]
        for name in last
        if min(last[name] - middle[name], middle[name] - first[name]) >= cycles
    }


def _counted() -> tuple[Counter[str], int, int]:
    """How many objects there are of each type, how many threads, how many descriptors."""
    # Python's own, and bounded: each port is another address in it. It is in no stub.
    import_module("urllib.parse").clear_cache()
    gc.collect()
    types: Counter[str] = Counter()
    for kind, count in Counter(map(type, gc.get_objects())).items():
        types[f"{kind.__module__}.{kind.__qualname__}"] += count
    return types, threading.active_count(), len(Holdings.now().descriptors)


def _named(grown: Mapping[str, int]) -> str:
    worst = sorted(grown.items(), key=lambda item: (-item[1], item[0]))[:8]
    return ", ".join(f"{count} {name}" for name, count in worst)
