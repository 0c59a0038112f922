"""Decoded logs are bounded, and never say anything that the file does not."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from hector.message import Event, TextPart, event_to_json
from hector.spi.session import SessionKey
from hector_std.sqlite_sessions.hot import HotLogs
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("app", "ada", "s1")


def an_event(id: str, text: str = "") -> Event:
    parts = (TextPart(text),)
    return Event(id=id, kind="message", invocation_id="i1", author="helper", parts=parts)


def test_the_least_recently_used_go_first() -> None:
    hot = HotLogs(40_000)
    for number in range(20):
        hot.put(number, [an_event("a")], 1000)
        assert hot.get(0) is not None
    assert hot.get(1) is None
    assert hot.get(19) is not None
    hot.put(20, [an_event("a")], 4_000)  # more than a quarter
    assert hot.get(20) is None
    for length in range(1, 5):
        hot.extend(19, length, [an_event("b")], 1000)
    assert hot.get(19) is None  # grown too long
    assert hot.get(0) is not None


@pytest.mark.parametrize("hot_bytes", [0, 3_000, 10**7])
async def test_a_log_reads_alike_however_much_is_kept(tmp_path: Path, hot_bytes: int) -> None:
    """While it grows here and by another process, in every slice, and when its key is used again."""
    database = tmp_path / "x.db"
    async with (
        SqliteSessions(database, hot_bytes=hot_bytes) as sessions,
        SqliteSessions(database, hot_bytes=0) as other,
    ):
        for life in range(2):
            await sessions.create(KEY)
            for head in range(0, 12, 2):
                writer = (sessions, other)[head % 4 // 2]
                batch = [an_event(f"{life}-{head}-{number}", "x" * 50) for number in range(2)]
                await writer.append(KEY, batch, head=head)
                for asked in ({}, {"last": 3}, {"limit": 3}, {"after": 2, "limit": 5}):
                    one, two = await sessions.load(KEY, **asked), await other.load(KEY, **asked)
                    assert one is not None
                    assert two is not None
                    texts = [
                        [event_to_json(event) for event in session.events] for session in (one, two)
                    ]
                    assert texts[0] == texts[1]
                    assert attrs.evolve(one, events=[]) == attrs.evolve(two, events=[])
                    one.events.clear()
            await other.delete(KEY)
