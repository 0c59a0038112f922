"""Session stores with one fault each in state, in listings or in deleting; and the table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from broken_session_contents import BROKEN_CONTENTS
from broken_session_logs import BROKEN_LOGS
from law_runs import Broken
from session_stores import Store, suite_of

from hector.message import Event, JSONValue
from hector.session.in_memory_logs import merge
from hector.spi import Artifact, Session, SessionKey, SessionPage
from hector.spi.session_rules import Cursor

__all__ = ["BROKEN", "GOOD"]

HISTORIES = frozenset({"SES-027"})
"""Any history sees some faults, too."""


class ForgetsGenerations(Store):
    """Leaves a field of an event out, which no other law makes use of."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        kept = [attrs.evolve(event, generation=0) for event in events]
        return await super().append(key, kept, **rest)


# ------------------------------------------------------------------------------ state


class SharesUsersBetweenApps(Store):
    """Knows a user by the name alone."""

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        made = await super().create(key, state=state)
        for app in self._apps.values():
            if key.user in app.users:
                self._apps[key.app].users[key.user].state = app.users[key.user].state
                break
        return made


class RemovesLast(Store):
    """Sets what an append sets, and then removes what it removes."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        stored = await super().append(key, events, **rest)
        for event in events:
            delta: Mapping[str, JSONValue] = event.actions.state_delta if event.actions else {}
            gone = {name: None for name, value in delta.items() if value is None}
            merge(*self._get(key), gone)
        return stored


class GivesItsListAway(Store):
    """Returns its own list of events from a claim."""

    async def claim(self, key: SessionKey) -> Session:
        return attrs.evolve(await super().claim(key), events=self._get(key)[2].events)


# ------------------------------------------------------------------------------ listings


class ListsByTheBeginning(Store):
    """Leaves a session that is appended to where it is in the listing."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        found = self._find(key)
        before = None if found is None else found[2].updated_at
        stored = await super().append(key, events, **rest)
        if found is not None and before is not None:
            found[2].updated_at = before
        return stored


class CountsWhatItHasShown(Store):
    """Pages by offset."""

    async def list(
        self, app: str, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        shown = 0 if cursor is None else int(Cursor.parse(cursor).updated_at)
        await super().list(app, user=user, limit=limit)
        rest = (await super().list(app, user=user, limit=1000)).sessions[shown:]
        more = str(Cursor(shown + limit, "-", "-")) if len(rest) > limit else None
        return SessionPage(sessions=rest[:limit], next_cursor=more)


class SortsForReaders(Store):
    """Gives apps in the order of a dictionary."""

    async def apps(self) -> Sequence[str]:
        return sorted(await super().apps(), key=str.casefold)


class GivesWhatItCan(Store):
    """Takes a page that is too long for the longest one, and one that is too short for the shortest."""

    async def list(self, app: str, *, limit: int = 50, **asked: Any) -> SessionPage:
        return await super().list(app, limit=min(max(limit, 1), 1000), **asked)


# ------------------------------------------------------------------------------ deleting


class KeepsFilesOfTheDeleted(Store):
    """Leaves the artifacts of a deleted session to the next one of its name."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[SessionKey, dict[str, list[Artifact]]] = {}

    async def create(
        self, key: SessionKey, *, state: Mapping[str, JSONValue] | None = None
    ) -> Session:
        made = await super().create(key, state=state)
        self._get(key)[2].artifacts |= self._files.pop(key, {})
        return made

    async def delete(self, key: SessionKey) -> bool:
        found = self._find(key)
        if found is not None:
            self._files[key] = found[2].artifacts
        return await super().delete(key)


GOOD = (suite_of(Store),)

BROKEN = (
    Broken("SES-027", suite_of(ForgetsGenerations, histories=100)),
    *(
        Broken(law, suite_of(kind), also=HISTORIES)
        for law, kind in (
            *BROKEN_LOGS.items(),
            *BROKEN_CONTENTS.items(),
            ("SES-028", SharesUsersBetweenApps),
            ("SES-029", RemovesLast),
            ("SES-030", GivesItsListAway),
            ("SES-031", ListsByTheBeginning),
            ("SES-032", CountsWhatItHasShown),
            ("SES-033", SortsForReaders),
            ("SES-034", GivesWhatItCan),
            ("SES-035", KeepsFilesOfTheDeleted),
        )
    ),
)
