"""An export of a SQLite file makes the same sessions in another, and the same export again."""

from __future__ import annotations

from pathlib import Path

from hector.message import Actions, Event
from hector.session import InMemorySessions, export_session, read_export
from hector.spi.session import ArtifactDraft, SessionKey, Sessions
from hector_std.sqlite_sessions.store import SqliteSessions

KEY = SessionKey("shop", "ada", "s")


async def lines_of(sessions: Sessions) -> list[str]:
    return [line async for line in export_session(sessions, KEY)]


async def restore(lines: list[str], sessions: Sessions) -> None:
    for exported in read_export(lines):
        await sessions.restore(exported.session, artifacts=exported.artifacts)


async def test_an_export_goes_from_store_to_store_unchanged(tmp_path: Path) -> None:
    """With more than a page of events, and an artifact that is kept in pieces."""
    content = bytes(range(256)) * 5000
    memory = InMemorySessions()
    async with (
        SqliteSessions(tmp_path / "a.db") as first,
        SqliteSessions(tmp_path / "b.db") as second,
    ):
        await first.create(KEY, state={"k": {"b": 1, "a": [None, 0.1]}, "user:u": "\ud800"})
        said = [Event(id=f"e{n}", kind="state", invocation_id="i", author="a",
                      timestamp=n / 3) for n in range(250)]  # fmt: skip
        await first.append(KEY, said, head=0)
        saved = Event(id="a", kind="state", invocation_id="i", author="a",
                      actions=Actions(artifact_delta={"f": 1}))  # fmt: skip
        draft = ArtifactDraft(name="f", version=1, media_type="x/y", data=content)
        await first.append(KEY, [saved], head=250, artifacts=[draft])
        lines = await lines_of(first)
        await restore(lines, memory)
        await restore(await lines_of(memory), second)

        assert await lines_of(second) == lines
        assert (await second.load_artifact(KEY, "f")).data == content
