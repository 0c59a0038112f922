"""Artifacts as tools and agents save them: kept until the event that they go with."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence

import attrs

from hector.errors import StateError
from hector.spi import Artifact, ArtifactDraft, ArtifactSummary, SessionKey, Sessions, StagedBytes
from hector.spi.session_artifacts import PIECE_BYTES
from hector.spi.session_rules import check_name

__all__ = ["ArtifactDrafts", "SavedArtifact", "draft_of"]


@attrs.frozen(kw_only=True)
class SavedArtifact:
    """What becomes a version with the next event."""

    name: str
    media_type: str
    data: bytes | StagedBytes = attrs.field(repr=False)


def draft_of(saved: SavedArtifact, version: int) -> ArtifactDraft:
    """The version that an append writes."""
    return ArtifactDraft(
        name=saved.name, version=version, media_type=saved.media_type, data=saved.data
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


class ArtifactDrafts:
    """Implements `hector.spi.Artifacts`."""

    __slots__ = ("_is_closed", "_key", "_saved", "_sessions")

    def __init__(self, sessions: Sessions, key: SessionKey) -> None:
        self._sessions = sessions
        self._key = key
        self._saved: dict[str, SavedArtifact] = {}
        self._is_closed = False

    async def save(
        self,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        media_type: str = "application/octet-stream",
    ) -> None:
        """See `Artifacts.save`."""
        self._require_open(name)
        check_name("artifact's name", name)
        check_name("artifact's media type", media_type)
        content: bytes | StagedBytes
        if isinstance(data, bytes | bytearray | memoryview):
            content = bytes(data)
            if len(content) > PIECE_BYTES:  # written now, so that nobody waits for it later
                content = await self._sessions.stage(self._key, _once(content))
        else:
            content = await self._sessions.stage(self._key, data)
        self._require_open(name)
        self._saved[name] = SavedArtifact(name=name, media_type=media_type, data=content)

    async def load(self, name: str, *, version: int | None = None) -> Artifact:
        """See `Artifacts.load`."""
        return await self._sessions.load_artifact(self._key, name, version=version)

    def stream(self, name: str, *, version: int | None = None) -> AsyncIterator[bytes]:
        """See `Artifacts.stream`."""
        return self._sessions.stream_artifact(self._key, name, version=version)

    async def list(self) -> Sequence[ArtifactSummary]:
        """See `Artifacts.list`."""
        return await self._sessions.list_artifacts(self._key)

    async def versions(self, name: str) -> Sequence[ArtifactSummary]:
        """See `Artifacts.versions`."""
        return await self._sessions.list_artifacts(self._key, name=name)

    # ------------------------------------------------------------------------ for who records

    @property
    def has_changes(self) -> bool:
        """Whether something waits for an event."""
        return bool(self._saved)

    def take(self) -> dict[str, SavedArtifact]:
        """What was saved, for an event."""
        taken, self._saved = self._saved, {}
        return taken

    def give_back(self, taken: Mapping[str, SavedArtifact]) -> None:
        """Keep what an event could not store for the next one."""
        self._saved = {**taken, **self._saved}

    def drop(self) -> None:
        """Forget what was saved."""
        self._saved = {}

    def close(self) -> None:
        """Refuse to save from now on."""
        self._is_closed = True

    def _require_open(self, name: str) -> None:
        if self._is_closed:
            raise StateError(
                f"artifact `{str(name)[:80]}` was saved after the call that it belongs to was over",
                hint="save artifacts before the tool returns",
            )
