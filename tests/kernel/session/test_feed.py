"""The feed in memory forgets what is gone, and tells readers who are too far behind."""

from __future__ import annotations

import pytest

from hector.errors import CursorExpiredError
from hector.message import Event
from hector.session import InMemorySessions, feed
from hector.spi.session import SessionKey


def an_event(id: str) -> Event:
    return Event(id=id, kind="message", invocation_id="i", author="helper")


async def fill(sessions: InMemorySessions, name: str, events: int) -> SessionKey:
    key = SessionKey("app", "ada", name)
    await sessions.create(key)
    for head in range(events):
        await sessions.append(key, [an_event(f"e{head}")], head=head)
    return key


async def test_deleted_sessions_take_no_room_and_cursors_go_on() -> None:
    """A reader in the middle sees what is left, in order."""
    sessions = InMemorySessions()
    kept = await fill(sessions, "kept", 3)
    gone = await fill(sessions, "gone", 2500)
    cursor = (await sessions.changes("app", limit=10)).cursor
    late = await fill(sessions, "late", 2)
    await sessions.delete(gone)
    for after, expected in (
        (cursor, [(late, True), (late, True), (gone, False)]),
        (None, [(kept, True)] * 3 + [(late, True), (late, True), (gone, False)]),
    ):
        page = await sessions.changes("app", after=after)
        found = [(change.key, change.event is not None) for change in page.changes]
        assert found == expected
        assert not page.has_more
    assert len(sessions._apps["app"].feed._entries) == 6  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def test_who_missed_too_many_deletions_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does a reader of an earlier process."""
    monkeypatch.setattr(feed, "REMEMBERED_DELETIONS", 2)
    sessions = InMemorySessions()
    await fill(sessions, "kept", 1)
    cursor = (await sessions.changes("app")).cursor
    for number in range(4):
        await sessions.delete(await fill(sessions, f"gone{number}", 600))
    with pytest.raises(CursorExpiredError):
        await sessions.changes("app", after=cursor)
    with pytest.raises(CursorExpiredError):
        await InMemorySessions().changes("app", after=cursor)
    page = await sessions.changes("app")
    assert page.changes[0].key.id == "kept"
