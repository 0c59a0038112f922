"""Session stores with one fault each in artifacts, in loading, in the feed, or in restoring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import attrs
from session_stores import Store

from hector.errors import SessionConflictError, SessionError
from hector.message import Event
from hector.session.in_memory_logs import merge
from hector.spi import (
    Artifact,
    ArtifactDraft,
    ChangePage,
    Session,
    SessionKey,
    StagedBytes,
)
from hector.spi.session_artifacts import check_versions, staged_is_gone

__all__ = ["BROKEN_CONTENTS"]


# ------------------------------------------------------------------------------ artifacts


class KeepsOneMediaType(Store):
    """Says of every version what the newest one is."""

    async def load_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> Artifact:
        found = await super().load_artifact(key, name, version=version)
        newest = await super().load_artifact(key, name)
        media_type = newest.summary.media_type
        return attrs.evolve(found, summary=attrs.evolve(found.summary, media_type=media_type))


class LeavesSpareDraftsOut(Store):
    """Takes an append with an artifact that no event of it names."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        artifacts: Sequence[ArtifactDraft] = (),
        **rest: Any,
    ) -> Sequence[Event]:
        named = {
            item
            for event in events
            if event.actions is not None
            for item in event.actions.artifact_delta.items()
        }
        kept = [draft for draft in artifacts if (draft.name, draft.version) in named]
        return await super().append(key, events, artifacts=kept, **rest)


class TakesANameOnce(Store):
    """Writes one version of an artifact at a time."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        artifacts: Sequence[ArtifactDraft] = (),
        **rest: Any,
    ) -> Sequence[Event]:
        names = Counter(draft.name for draft in artifacts)
        if any(count > 1 for count in names.values()):
            raise SessionError("UNIQUE constraint failed: artifacts.session, artifacts.name")
        return await super().append(key, events, artifacts=artifacts, **rest)


class ComparesVersionsFirst(Store):
    """Tells who comes too late for a version that there is one, and not that the race is lost."""

    async def append(
        self,
        key: SessionKey,
        events: Sequence[Event],
        *,
        artifacts: Sequence[ArtifactDraft] = (),
        **rest: Any,
    ) -> Sequence[Event]:
        newest = {item.name: item.version for item in await self.list_artifacts(key)}
        check_versions(key, artifacts, newest)
        return await super().append(key, events, artifacts=artifacts, **rest)


class RestoresHalf(Store):
    """Writes the log of a session before it looks for the content."""

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        try:
            await super().restore(session, artifacts=artifacts)
        except SessionError:
            if artifacts:
                await super().restore(session)
            raise


class StreamsInOnePiece(Store):
    """Gives the whole content at once."""

    async def stream_artifact(
        self, key: SessionKey, name: str, *, version: int | None = None
    ) -> AsyncGenerator[bytes]:
        yield (await self.load_artifact(key, name, version=version)).data


class BelievesWhoseBytesTheyAre(Store):
    """Goes by the number of what was staged alone."""

    def _taken(self, staged: StagedBytes) -> bytes:
        if staged.id not in self._staged:
            raise staged_is_gone(staged)
        return self._staged[staged.id][2]


# ------------------------------------------------------------------------------ loading, conflicts


class LeavesTheMomentOut(Store):
    """Gives events that are later than `since`, and not those of that moment."""

    async def load(
        self, key: SessionKey, *, since: float | None = None, **rest: Any
    ) -> Session | None:
        later = None if since is None else math.nextafter(since, math.inf)
        return await super().load(key, since=later, **rest)


class SaysNothingOfATakeOver(Store):
    """Puts what the append expected into a conflict as if it were stored."""

    async def append(
        self, key: SessionKey, events: Sequence[Event], **rest: Any
    ) -> Sequence[Event]:
        try:
            return await super().append(key, events, **rest)
        except SessionConflictError as error:
            raise SessionConflictError(
                error.message,
                head=error.head,
                epoch=error.epoch,
                stored_head=error.stored_head,
                stored_epoch=error.epoch,
                hint=error.hint,
            ) from error


# ------------------------------------------------------------------------------ the feed


class LeavesDeletionsOut(Store):
    """Tells in its feed of what was said only."""

    async def changes(self, app: str, **asked: Any) -> ChangePage:
        page = await super().changes(app, **asked)
        said = [change for change in page.changes if change.event is not None]
        return attrs.evolve(page, changes=said)


class ForgetsWhatItWaitedFor(Store):
    """Gives, after a wait, the place in the feed where the wait began."""

    async def changes(self, app: str, *, wait_s: float = 0.0, **asked: Any) -> ChangePage:
        before = await super().changes(app, **asked)
        if before.changes or wait_s <= 0:
            return before
        page = await super().changes(app, wait_s=wait_s, **asked)
        return attrs.evolve(page, cursor=before.cursor)


class FailsWhenNothingComes(Store):
    """Does not catch the end of the time that it waits."""

    async def changes(self, app: str, *, wait_s: float = 0.0, **asked: Any) -> ChangePage:
        page = await super().changes(app, wait_s=wait_s, **asked)
        if wait_s > 0 and not page.changes:
            raise TimeoutError
        return page


class BeginsAtAnEmptyCursor(Store):
    """Takes a cursor that is empty for none."""

    async def changes(self, app: str, *, after: str | None = None, **asked: Any) -> ChangePage:
        return await super().changes(app, after=after or None, **asked)


# ------------------------------------------------------------------------------ restoring


class OverwritesWhatIsShared(Store):
    """Restores the whole state of a session, also what others share."""

    async def restore(self, session: Session, *, artifacts: Sequence[ArtifactDraft] = ()) -> None:
        await super().restore(session, artifacts=artifacts)
        merge(*self._get(session.key), session.state)


BROKEN_CONTENTS: Mapping[str, type[Store]] = {
    "SES-013": KeepsOneMediaType,
    "SES-014": LeavesSpareDraftsOut,
    "SES-015": TakesANameOnce,
    "SES-016": ComparesVersionsFirst,
    "SES-017": RestoresHalf,
    "SES-018": StreamsInOnePiece,
    "SES-019": BelievesWhoseBytesTheyAre,
    "SES-020": LeavesTheMomentOut,
    "SES-021": SaysNothingOfATakeOver,
    "SES-022": LeavesDeletionsOut,
    "SES-023": ForgetsWhatItWaitedFor,
    "SES-024": FailsWhenNothingComes,
    "SES-025": BeginsAtAnEmptyCursor,
    "SES-026": OverwritesWhatIsShared,
}
"""Law to a store that breaks it, and only it."""
