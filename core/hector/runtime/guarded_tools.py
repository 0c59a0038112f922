"""Toolsets whose calls a person has to approve because the config says so."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from hector.config import ToolsetCommon
from hector.spi import Tool, Toolset, with_spec

__all__ = ["guarded"]


def guarded(toolset: Toolset, common: object) -> Toolset:
    """The toolset as `require_approval` and `approval_prompt` want it; itself where they say nothing."""
    if not isinstance(common, ToolsetCommon):
        return toolset
    if common.require_approval is None and not common.approval_prompt:
        return toolset
    return _GuardedToolset(toolset, common.require_approval, common.approval_prompt)


class _GuardedToolset:
    """Implements `hector.spi.Toolset`."""

    __slots__ = ("_given", "_needs_approval", "_prompt", "_tools", "_toolset")

    def __init__(self, toolset: Toolset, needs_approval: bool | None, prompt: str) -> None:
        self._toolset = toolset
        self._needs_approval = needs_approval
        self._prompt = prompt
        self._given: tuple[Tool, ...] = ()
        self._tools: tuple[Tool, ...] = ()

    def tools(self) -> Sequence[Tool]:
        given = tuple(self._toolset.tools())
        is_same = len(given) == len(self._given) and all(
            one is other for one, other in zip(given, self._given, strict=True)
        )
        if not is_same:  # a toolset may list others at any time
            self._given, self._tools = given, tuple(self._guarded(tool) for tool in given)
        return self._tools

    def _guarded(self, tool: Tool) -> Tool:
        spec = tool.spec
        needs = spec.needs_approval if self._needs_approval is None else self._needs_approval
        prompt = self._prompt or spec.approval_prompt
        return with_spec(tool, attrs.evolve(spec, needs_approval=needs, approval_prompt=prompt))
