"""What `create` gets beside its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from hector.message import JSONValue
    from hector.spi.agent import Agent
    from hector.spi.document import DocumentStore
    from hector.spi.embedder import Embedder
    from hector.spi.llm import LLM
    from hector.spi.tool import Tool, Toolset
    from hector.spi.vector import VectorStore

__all__ = ["BuildContext", "Injected"]


@attrs.frozen(kw_only=True)
class Injected:
    """What the program that embeds the runtime adds to one agent, beside its config.

    Attributes:
        sub_agents: become `transfer_to_<name>`.
        agent_tools: become `agent_call_<name>`.
        tools: offered to the model as they are.
    """

    sub_agents: tuple[Agent, ...] = ()
    agent_tools: tuple[Agent, ...] = ()
    tools: tuple[Tool, ...] = ()


class BuildContext(Protocol):
    """The surroundings of one component while it is built.

    References resolve to components that are already open: the build follows the references that the settings
    class declares (`Reference`), so a component may ask only for what its settings name.

    Attributes:
        name: the entry's name in the config, such as `main`.
        description: what the config says about it, for people and models; empty if nothing.
        path: where it stands, such as `llms.main`; use it in error messages.
        config_dir: folder of the config file; relative paths in settings are relative to it (values of type `Path`
            arrive already joined).
        state_dir: a folder for files that should survive a restart; created on first use by whoever writes.
        injected: what the embedding program adds to this agent; empty for other kinds.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def config_dir(self) -> Path: ...
    @property
    def state_dir(self) -> Path: ...
    @property
    def injected(self) -> Injected: ...

    def llm(self, name: str) -> LLM:
        """The LLM of that name; raises `ComponentNotFoundError`."""
        ...

    def embedder(self, name: str) -> Embedder:
        """The embedder of that name; raises `ComponentNotFoundError`."""
        ...

    def vector_store(self, name: str) -> VectorStore:
        """The vector store of that name; raises `ComponentNotFoundError`."""
        ...

    def toolset(self, name: str) -> Toolset:
        """The toolset of that name; raises `ComponentNotFoundError`."""
        ...

    def document_store(self, name: str) -> DocumentStore:
        """The document store of that name; raises `ComponentNotFoundError`."""
        ...

    def agent(self, name: str) -> Agent:
        """The agent of that name; raises `ComponentNotFoundError`."""
        ...

    def names(self, kind: str) -> Sequence[str]:
        """Names of the enabled components of a kind, in config order (for references omitted to mean all)."""
        ...

    def types(self, kind: str) -> Sequence[str]:
        """Types of a kind that installed plugins offer, sorted; those of plugins that failed or are blocked are not."""
        ...

    async def create_other(self, kind: str, type: str, settings: Mapping[str, JSONValue]) -> Any:
        """Build a component of another provider, for this one to stand on or to hand out in its own stead.

        It is owned by the component being built: closed after it, or at once when its build fails. It has no name of
        its own in the config, so nothing else can refer to it.

        Args:
            kind: a word of `KINDS`.
            type: a word of `types(kind)`.
            settings: as they would stand in the config, without the selector; checked against the provider's settings
                class, whose `Env` markers apply. Secrets are given as plain strings.

        Raises:
            ComponentOpenError: no such type, settings that do not fit, or a `create` that failed; names this
                component and chains the cause.
            ComponentTimeoutError: it did not come up before the deadline of the build.
        """
        ...
