"""A session store without a fault, which the broken ones each change one thing of."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hector.message import Event, JSONValue, TextPart
from hector.session import InMemorySessions
from hector.spi import ArtifactDraft, Session, SessionKey, Sessions
from hector.spi.session_rules import check_event_size
from hector.testing import SessionsSuite

__all__ = ["Store", "suite_of", "ticking"]


def ticking() -> Callable[[], float]:
    """A clock that is a millisecond later each time, so that no law waits for it."""
    moments = itertools.count(1_700_000_000_000)
    return lambda: next(moments) / 1000


class Store(InMemorySessions):
    """The kernel's own, with that clock. It sees that an event is too large before it has written its whole text."""

    def __init__(self) -> None:
        super().__init__(clock=ticking())

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        _refuse_at_sight(events)
        return await super().append(key, events, **rest)

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        _refuse_at_sight(session.events)
        await super().restore(session, artifacts=artifacts)


def _refuse_at_sight(events: Iterable[Event]) -> None:
    """Refuse an event whose texts alone are too large."""
    for event in events:
        state: Mapping[str, JSONValue] = (
            event.actions.state_delta if event.actions is not None else {}
        )
        texts = [part.text for part in event.parts if isinstance(part, TextPart)]
        texts += [value for value in state.values() if isinstance(value, str)]
        size = sum(len(text) + 5 * text.count("\0") for text in texts)  # NUL takes six
        check_event_size(event, size + len(event.id) + len(event.invocation_id))


def suite_of(kind: type[Store], *, histories: int = 20) -> type[SessionsSuite]:
    """The laws of a session store, on one of this class."""

    @asynccontextmanager
    async def opened(_suite: Any, _folder: Path) -> AsyncGenerator[Sessions]:
        yield kind()

    return type(kind.__name__, (SessionsSuite,), {"open_store": opened, "histories": histories})
