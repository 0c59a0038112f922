"""The hooks of the kernel, all of them. A plugin implements those it has something to say to.

Every provider hook returns declarations, is called once per build and per reload, must be quick, and must not do I/O
or import an SDK. The two lifecycle hooks are told of reloads, and may do I/O. `hector.plugin.hookimpl` marks an
implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

import pluggy

from hector.spi import GenerationChange, Provider

__all__ = ["PROJECT", "HookSpecs", "hookimpl", "hookspec"]

PROJECT = "hector"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """One method per hook; the kind of every returned `Provider` must be the one named here."""

    @hookspec
    def hector_llm_providers(self) -> Iterable[Provider]:
        """Kind `llm`: `create` gives an `hector.spi.LLM`."""
        return ()

    @hookspec
    def hector_embedder_providers(self) -> Iterable[Provider]:
        """Kind `embedder`: `create` gives an `hector.spi.Embedder`."""
        return ()

    @hookspec
    def hector_vector_providers(self) -> Iterable[Provider]:
        """Kind `vector_store`: `create` gives an `hector.spi.VectorStore`."""
        return ()

    @hookspec
    def hector_toolset_providers(self) -> Iterable[Provider]:
        """Kind `toolset`: `create` gives an `hector.spi.Toolset`."""
        return ()

    @hookspec
    def hector_agent_types(self) -> Iterable[Provider]:
        """Kind `agent`: `create` gives an `hector.spi.Agent`."""
        return ()

    @hookspec
    def hector_document_sources(self) -> Iterable[Provider]:
        """Kind `document_source`: `create` gives an `hector.spi.DocumentSource`."""
        return ()

    @hookspec
    def hector_document_parsers(self) -> Iterable[Provider]:
        """Kind `document_parser`: `create` gives an `hector.spi.DocumentParser`; every one is offered each document."""
        return ()

    @hookspec
    def hector_chunkers(self) -> Iterable[Provider]:
        """Kind `chunker`: `create` gives an `hector.spi.Chunker`."""
        return ()

    @hookspec
    def hector_session_backends(self) -> Iterable[Provider]:
        """Kind `session_backend`: `create` gives an `hector.spi.Sessions`."""
        return ()

    @hookspec
    def hector_before_swap(self, change: GenerationChange) -> Awaitable[None] | None:
        """Have a say in a reload: the new generation is built, but for what only one can hold; the old one still runs.

        May be a coroutine function, which runs on the event loop, or a plain function, which runs in a thread. Called
        at reloads only, not when the runtime opens or closes, plugin after plugin. Raising, or taking longer than the
        deadline, refuses the reload: everything stays as it was. So nothing must be done here that cannot stay done
        when the swap does not come about, by another plugin's word or by a cancellation.

        Args:
            change: what is about to happen.
        """

    @hookspec
    def hector_after_swap(self, change: GenerationChange) -> Awaitable[None] | None:
        """Hear of a reload: new invocations run on the new generation; those that began before run on with the old.

        Sync or async as `hector_before_swap`. An error is logged and changes nothing.

        Args:
            change: what has happened.
        """
