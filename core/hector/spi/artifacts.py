"""How tools and agents keep files in a session."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol

from hector.spi.session_values import Artifact, ArtifactSummary

__all__ = ["Artifacts"]


class Artifacts(Protocol):
    """The artifacts of the invocation's session: versioned files.

    What is saved becomes a version with the event that results: a tool's with its `tool_result`, an agent's with the
    next event that it records. It can be listed and loaded from then on, and not before; a tool that fails has saved
    nothing. Versions count from 1 and are given when the event is committed, so that calls at the same time each get
    one of their own; the event's `actions.artifact_delta` says which. Of what one event saves under one name, the
    last is kept.

    It belongs to the event loop: a plain function that runs as a tool in a thread cannot await it.
    """

    async def save(
        self,
        name: str,
        data: bytes | AsyncIterable[bytes],
        *,
        media_type: str = "application/octet-stream",
    ) -> None:
        """Save a new version.

        Args:
            name: 1 to 255 characters.
            data: the content, or a stream of it that is never held in memory as a whole.
            media_type: such as `image/png`; 1 to 255 characters.

        Raises:
            ArtifactTooLargeError: it is above the store's limit. Content that was given as bytes up to 1 MiB is
                checked when the event is committed; a tool's result then becomes this error.
            UsageError: a name or a media type that cannot be stored.
            StateError: the call that it belongs to is over.
            SessionError: the store failed.
        """
        ...

    async def load(self, name: str, *, version: int | None = None) -> Artifact:
        """One version with its content, the newest if None. Raises `ArtifactNotFoundError`."""
        ...

    def stream(self, name: str, *, version: int | None = None) -> AsyncIterator[bytes]:
        """The content of one version in pieces of at most 1 MiB; close it if you stop early.

        Raises:
            ArtifactNotFoundError: there is none.
        """
        ...

    async def list(self) -> Sequence[ArtifactSummary]:
        """The newest version of each artifact, by name."""
        ...

    async def versions(self, name: str) -> Sequence[ArtifactSummary]:
        """Every version of one artifact, oldest first; none if there is no such artifact."""
        ...
