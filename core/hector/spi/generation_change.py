"""What plugins are told about a reload."""

from __future__ import annotations

import attrs

__all__ = ["GenerationChange"]


@attrs.frozen(kw_only=True)
class GenerationChange:
    """One generation taking over from another; what `hector_before_swap` and `hector_after_swap` are given.

    It holds names and counts only: no settings, no secrets, no components.

    Attributes:
        app: the config's `name` as it was when the runtime opened.
        from_generation: number of the generation that gives way.
        to_generation: number of the one that takes over. Before the swap it is the number the new generation will
            have; when the swap does not come about after all, the next reload uses it again.
        reason: who asked for the reload: `watch`, `signal`, `admin`, `rollback`, `program`, or the embedder's word.
        etag: that of the config of `to_generation`.
        added: paths of components that only `to_generation` has, sorted.
        rebuilt: paths of components that both have and that were built anew, sorted.
        removed: paths of components that only `from_generation` has, sorted.
        carried_over: how many components both generations share.
    """

    app: str
    from_generation: int
    to_generation: int
    reason: str
    etag: str
    added: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    carried_over: int = 0
