"""What every session store checks alike about the artifacts of an append."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hector.errors import ArtifactTooLargeError, SessionError, UsageError
from hector.message import Event
from hector.spi.session_rules import check_name
from hector.spi.session_values import ArtifactDraft, SessionKey, StagedBytes

__all__ = [
    "DEFAULT_ARTIFACT_BYTES",
    "PIECE_BYTES",
    "artifact_too_large",
    "check_artifacts",
    "check_restored",
    "check_versions",
    "size_of",
    "staged_is_gone",
]

DEFAULT_ARTIFACT_BYTES = 256 * 1024 * 1024
"""How large an artifact may be unless the store is told otherwise."""

PIECE_BYTES = 1024 * 1024
"""The most that a piece of streamed content holds."""


def size_of(draft: ArtifactDraft) -> int:
    """Bytes of its content."""
    return len(draft.data) if isinstance(draft.data, bytes) else draft.data.size_bytes


def check_artifacts(
    key: SessionKey,
    events: Iterable[Event],
    artifacts: Sequence[ArtifactDraft],
    *,
    limit_bytes: int = DEFAULT_ARTIFACT_BYTES,
) -> None:
    """Refuse an append whose events name other artifacts than it brings. Cheap when there are none.

    Raises:
        SessionError: they do.
        ArtifactTooLargeError: one is above `limit_bytes`.
        UsageError: a name or a media type that not every store could keep, or content that was staged for
            another session.
    """
    named = [
        item
        for event in events
        if event.actions is not None and event.actions.artifact_delta
        for item in event.actions.artifact_delta.items()
    ]
    if not named and not artifacts:
        return
    brought = [(draft.name, draft.version) for draft in artifacts]
    if Counter(named) != Counter(brought):
        raise SessionError(
            f"the events name the artifacts {_words(named)}, the append to session `{key.id}` brings "
            f"{_words(brought)}",
            hint="name each new version in the `artifact_delta` of one event, and bring its content with it",
        )
    for draft in artifacts:
        _check_draft(key, draft, limit_bytes)


def check_restored(
    key: SessionKey,
    artifacts: Sequence[ArtifactDraft],
    *,
    limit_bytes: int = DEFAULT_ARTIFACT_BYTES,
) -> None:
    """Refuse artifacts of a restored session whose versions have gaps. Raises as `check_artifacts`."""
    for draft in artifacts:
        _check_draft(key, draft, limit_bytes)
    check_versions(key, artifacts, {})


def check_versions(
    key: SessionKey, artifacts: Sequence[ArtifactDraft], newest: Mapping[str, int]
) -> None:
    """Refuse versions that do not go on from the newest stored ones (0 or missing: there is none).

    Raises:
        SessionError: one does not.
    """
    seen = dict(newest)
    for draft in artifacts:
        expected = seen.get(draft.name, 0) + 1
        if draft.version != expected:
            raise SessionError(
                f"artifact `{draft.name}` of session `{key.id}` comes as version {draft.version}, "
                f"the next one is {expected}",
                hint="versions count from 1 without a gap; `Session.artifacts` has the newest",
            )
        seen[draft.name] = expected


def artifact_too_large(key: SessionKey, limit_bytes: int) -> ArtifactTooLargeError:
    """For content above the store's limit."""
    return ArtifactTooLargeError(
        f"session `{key.id}` cannot take an artifact of more than {limit_bytes:,} bytes",
        limit_bytes=limit_bytes,
        hint="split it, or raise the store's limit for artifacts",
    )


def staged_is_gone(staged: StagedBytes) -> SessionError:
    """For an append that names staged content which the store does not have for that session."""
    return SessionError(
        f"the content that was staged for session `{staged.key.id}` as `{staged.id}` is not there",
        hint="stage it again; what no append names within a day is removed",
    )


def _check_draft(key: SessionKey, draft: ArtifactDraft, limit_bytes: int) -> None:
    check_name("artifact's name", draft.name)
    check_name("artifact's media type", draft.media_type)
    if size_of(draft) > limit_bytes:
        raise artifact_too_large(key, limit_bytes)
    if not isinstance(draft.data, bytes) and draft.data.key != key:
        raise UsageError(
            f"the content of artifact `{draft.name}` was staged for another session",
            hint="stage it with the key of the session that gets the artifact",
        )


def _words(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"`{name}` {version}" for name, version in items) or "none"
