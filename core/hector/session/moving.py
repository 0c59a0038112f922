"""Giving a session another key, through nothing but the contract of stores."""

from __future__ import annotations

import attrs

from hector.errors import SessionExistsError, SessionNotFoundError
from hector.spi.session import ArtifactDraft, Session, SessionKey, Sessions

__all__ = ["move_session"]


async def move_session(sessions: Sessions, old: SessionKey, new: SessionKey) -> str | None:
    """Restore a session under another key and delete it under the old one.

    Whoever has the old one open is refused from the beginning on (`Sessions.claim`). If somebody opens it meanwhile
    and appends, the copy is deleted and the old one stays; if somebody deletes it, both are gone. Interrupted at any
    point, a second call ends the work: a copy that is there already counts as made when it begins with the same
    events and is as old.

    Returns:
        Why it stays where it is; None if it was moved, or is not there any more.

    Raises:
        SessionError: the store failed; the old one is there still, perhaps the copy, too.
    """
    try:
        session = await sessions.claim(old)
    except SessionNotFoundError:
        return None
    copy = attrs.evolve(session, key=new)
    try:
        await sessions.restore(copy, artifacts=await _versions(sessions, session))
        is_fresh = True
    except SessionExistsError:
        there = await sessions.load(new, limit=session.head)
        if there is None or not _is_copy(there, session):
            return (
                f"session {old.id} of {old.user} stays: app {new.app} has another one of that id; "
                "export and remove one of the two, then move again"
            )
        is_fresh = False
    now = await sessions.load(old, last=0)
    is_same = now is not None and (now.head, now.epoch) == (session.head, session.epoch)
    if not is_same and is_fresh:
        await sessions.delete(new)
    if now is None:
        return None  # deleted meanwhile: nobody wants it anywhere
    if not is_same:
        return f"session {old.id} of {old.user} is in use"
    await sessions.delete(old)
    return None


def _is_copy(there: Session, session: Session) -> bool:
    """Whether it was made of the other, whose log may be empty: a copy keeps the time of its making."""
    return there.created_at == session.created_at and _ids(there) == _ids(session)


def _ids(session: Session) -> list[str]:
    return [event.id for event in session.events]


async def _versions(sessions: Sessions, session: Session) -> list[ArtifactDraft]:
    drafts: list[ArtifactDraft] = []
    for name in session.artifacts:
        for summary in await sessions.list_artifacts(session.key, name=name):
            artifact = await sessions.load_artifact(session.key, name, version=summary.version)
            drafts.append(
                ArtifactDraft(
                    name=name,
                    version=summary.version,
                    media_type=summary.media_type,
                    data=artifact.data,
                    created_at=summary.created_at,
                )
            )
    return drafts
