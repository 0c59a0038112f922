"""What the runtime tells about itself: values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from hector.config import ComponentEntry

__all__ = ["AgentInfo", "Health", "agent_info"]


@attrs.frozen(kw_only=True)
class AgentInfo:
    """What is known about an agent without running it.

    Attributes:
        name: its key in the config; the name in URLs.
        title: its display name.
        description: what it is good for, possibly empty.
        type: the agent type.
        visibility: `public`, `internal` or `private`.
        skills: as in the config: objects with `id`, `name`, `description`, `tags`, `examples`.
        input_modes, output_modes: media types.
    """

    name: str
    title: str
    description: str
    type: str
    visibility: Literal["public", "internal", "private"]
    skills: Sequence[Any] = ()
    input_modes: Sequence[str] = ("text/plain",)
    output_modes: Sequence[str] = ("text/plain",)


@attrs.frozen(kw_only=True)
class Health:
    """The state of a runtime.

    Attributes:
        status: `ok`; `degraded` when a component ended by itself; `closing`.
        generation: number of the generation new invocations run on.
        components: path to `ok` or `down`.
        leases: invocations under way on the current generation.
        draining: earlier generations that are not gone yet, with the invocations under way on each: 0 while its
            components close.
    """

    status: Literal["ok", "degraded", "closing"]
    generation: int
    components: Mapping[str, Literal["ok", "down"]]
    leases: int
    draining: Mapping[int, int]


def agent_info(entry: ComponentEntry) -> AgentInfo:
    """Read an agent's entry."""
    common = entry.common
    return AgentInfo(
        name=entry.name,
        title=common.name or entry.name,
        description=common.description or "",
        type=entry.type,
        visibility=common.visibility,
        skills=tuple(common.skills),
        input_modes=tuple(common.input_modes),
        output_modes=tuple(common.output_modes),
    )
