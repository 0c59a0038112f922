"""The laws of artifacts: they commit with the event that names them, and keep every version."""

# asserting is what it is for
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs
import pytest

from hector.errors import (
    ArtifactNotFoundError,
    SessionConflictError,
    SessionError,
    SessionNotFoundError,
    UsageError,
)
from hector.message import Event
from hector.spi.session import ArtifactDraft, Session, SessionKey, Sessions, StagedBytes
from hector.testing.laws import law
from hector.testing.session_laws import KEY, SessionLaws, an_event, dump_session, save

__all__ = ["ArtifactLaws"]

LARGE = bytes(range(256)) * 12_000  # 3 MB: more than one piece


class ArtifactLaws(SessionLaws):
    """An artifact is there exactly when the event is that names it."""

    @law(
        "SES-013",
        since="0.1",
        why="An event names a version, and has to mean the same bytes for ever.",
        fix="Write versions beside each other under name and number, and overwrite none.",
    )
    def test_artifacts_keep_every_version(self) -> None:
        """Artifacts keep every version, from 1, each with its own media type and bytes."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            contents = [b"", bytes(range(256)), b"x" * 100_000]
            for number, data in enumerate(contents, 1):
                saved = await save(sessions, KEY, "a", data, media_type=f"x/{number}")
                loaded = await sessions.load_artifact(KEY, "a")
                assert loaded.summary == saved
                assert (saved.version, saved.size_bytes) == (number, len(data))
            for number, data in enumerate(contents, 1):
                old = await sessions.load_artifact(KEY, "a", version=number)
                assert (old.data, old.summary.media_type) == (data, f"x/{number}")
            assert [item.version for item in await sessions.list_artifacts(KEY)] == [3]
            versions = await sessions.list_artifacts(KEY, name="a")
            assert [item.version for item in versions] == [1, 2, 3]
            assert not await sessions.list_artifacts(KEY, name="b")
            for version in (0, -1, 4, 2**70):
                with pytest.raises(ArtifactNotFoundError):
                    await sessions.load_artifact(KEY, "a", version=version)
            with pytest.raises(ArtifactNotFoundError):
                await sessions.load_artifact(attrs.evolve(KEY, id="s2"), "a")

        self.check(scenario)

    @law(
        "SES-014",
        since="0.1",
        why="An event that names what is not there breaks whoever reads it; bytes that nobody names are garbage.",
        fix="Check names, versions and drafts against the deltas of the events, and write all in one transaction.",
    )
    def test_an_artifact_and_its_event_are_written_together(self) -> None:
        """An artifact and its event are written together, and a refused append leaves neither."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            await save(sessions, KEY, "a", b"1")
            before = await dump_session(sessions, KEY)
            event = an_event("b", artifact_delta={"a": 2})
            with pytest.raises(SessionConflictError):
                await sessions.append(KEY, [event], head=0, artifacts=[_draft("a", 2)])
            refused: list[tuple[Event, list[ArtifactDraft]]] = [
                (event, []),
                (an_event("b"), [_draft("a", 2)]),
                (event, [_draft("a", 3)]),
                (event, [_draft("b", 2)]),
                (event, [_draft("a", 2), _draft("a", 2)]),
                (an_event("b", artifact_delta={"a": 1}), [_draft("a", 1)]),
                (an_event("b", artifact_delta={"a": 3}), [_draft("a", 3)]),
                (an_event("b", artifact_delta={"b": 0}), [_draft("b", 0)]),
            ]
            for item, drafts in refused:
                with pytest.raises(SessionError):
                    await sessions.append(KEY, [item], head=1, artifacts=drafts)
            for name in ("", "x" * 256, "a\0"):
                item = an_event("b", artifact_delta={name: 1})
                with pytest.raises(UsageError):
                    await sessions.append(KEY, [item], head=1, artifacts=[_draft(name, 1)])
            assert await dump_session(sessions, KEY) == before
            assert (await sessions.load_artifact(KEY, "a")).data == b"1"

        self.check(scenario)

    @law(
        "SES-015",
        since="0.1",
        why="A turn of an agent that saves three files is one append.",
        fix="Go through the drafts in order, and reckon versions within the append.",
    )
    def test_one_append_may_write_several(self) -> None:
        """One append may write several artifacts, and one name more than once."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            batch = [
                an_event("a", artifact_delta={"x": 1, "y": 1}),
                an_event("b", artifact_delta={"x": 2}),
            ]
            drafts = [_draft("x", 1), _draft("y", 1), _draft("x", 2)]
            await sessions.append(KEY, batch, head=0, artifacts=drafts)
            found = await sessions.list_artifacts(KEY)
            assert [(item.name, item.version) for item in found] == [("x", 2), ("y", 1)]
            assert (await sessions.load_artifact(KEY, "x", version=1)).data == b"x1"

        self.check(scenario)

    @law(
        "SES-016",
        since="0.1",
        why="Two files of one version would be one file, of chance.",
        fix="The compare of the head decides before anything of the content is visible.",
    )
    def test_only_one_of_many_writers_gets_a_version(self) -> None:
        """Of many writers only one gets a version; the others lose the race, and nothing is overwritten."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            outcomes = await asyncio.gather(
                *(
                    sessions.append(
                        KEY,
                        [an_event(f"e{number}", artifact_delta={"a": 1})],
                        head=0,
                        artifacts=[_draft("a", 1)],
                    )
                    for number in range(8)
                ),
                return_exceptions=True,
            )
            assert sum(isinstance(item, SessionConflictError) for item in outcomes) == 7
            assert len(await sessions.list_artifacts(KEY, name="a")) == 1

        self.check(scenario)

    @law(
        "SES-017",
        since="0.1",
        why="Half a restored session passes for a whole one.",
        fix="Look for the staged bytes inside of the transaction, and refuse all of it.",
    )
    def test_a_session_whose_content_is_not_there_is_not_restored(self) -> None:
        """A session whose staged content is not there is not restored, not even without it."""

        async def scenario(sessions: Sessions) -> None:
            staged = StagedBytes(key=KEY, id="999", size_bytes=1)
            draft = ArtifactDraft(name="a", version=1, media_type="x/y", data=staged)
            event = attrs.evolve(an_event("e", artifact_delta={"a": 1}), sequence=1)
            session = Session(key=KEY, events=[event], head=1, created_at=1.0, updated_at=2.0)
            with pytest.raises(SessionError, match="is not there"):
                await sessions.restore(session, artifacts=[draft])
            assert await sessions.load(KEY) is None
            await sessions.create(KEY)

        self.check(scenario)

    @law(
        "SES-018",
        since="0.1",
        why="A video of a gigabyte must not pass through memory whole, and who reads a piece of it disturbs nobody.",
        fix="Write and read in pieces, close what a reader leaves early, and hold no lock while it reads.",
    )
    def test_large_content_streams_in_and_out(self) -> None:
        """Large content streams in and out to the byte, in pieces of at most 1 MiB."""

        async def scenario(sessions: Sessions) -> None:
            with pytest.raises(SessionNotFoundError):
                await sessions.stage(KEY, _pieces(b"x"))
            await sessions.create(KEY)
            staged = await sessions.stage(KEY, _pieces(LARGE))
            assert staged.size_bytes == len(LARGE)
            assert not await sessions.list_artifacts(KEY)
            await save(sessions, KEY, "a", staged)
            await save(sessions, KEY, "b", LARGE)
            for name in ("a", "b"):
                pieces = [piece async for piece in sessions.stream_artifact(KEY, name)]
                assert b"".join(pieces) == LARGE
                assert all(0 < len(piece) <= 2**20 for piece in pieces)
                async with aclosing(_generator(sessions, name)) as stream:
                    assert LARGE.startswith(await anext(stream))
            assert (await sessions.load_artifact(KEY, "a")).data == LARGE
            with pytest.raises(ArtifactNotFoundError):
                await anext(_generator(sessions, "c"))
            assert await sessions.delete(KEY)
            with pytest.raises(ArtifactNotFoundError):
                await anext(_generator(sessions, "a"))

        self.check(scenario)

    @law(
        "SES-019",
        since="0.1",
        why="Its number can be guessed; another user's bytes must not be had for it.",
        fix="Keep the session with the staged bytes, and compare it when they are named.",
    )
    def test_staged_content_belongs_to_its_session(self) -> None:
        """Staged content belongs to its session, and no other can take it."""

        async def scenario(sessions: Sessions) -> None:
            await sessions.create(KEY)
            other = SessionKey("app", "bob", "s1")
            await sessions.create(other)
            staged = await sessions.stage(KEY, _pieces(b"secret"))
            for stolen in (staged, attrs.evolve(staged, key=other)):
                event = an_event("a", artifact_delta={"a": 1})
                draft = attrs.evolve(_draft("a", 1), data=stolen)
                with pytest.raises((SessionError, UsageError)):
                    await sessions.append(other, [event], head=0, artifacts=[draft])
            assert not await sessions.list_artifacts(other)

        self.check(scenario)


def _draft(name: str, version: int) -> ArtifactDraft:
    data = f"{name}{version}".encode()
    return ArtifactDraft(name=name, version=version, media_type="text/plain", data=data)


async def _pieces(data: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), 700_001):
        yield data[start : start + 700_001]


async def _generator(sessions: Sessions, name: str) -> AsyncGenerator[bytes]:
    async for piece in sessions.stream_artifact(KEY, name):
        yield piece
