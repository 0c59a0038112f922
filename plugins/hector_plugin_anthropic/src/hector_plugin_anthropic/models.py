"""What is known of Anthropic's models: limits, ways to think, and what they refuse. It imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from hector.spi import ModelLimits

__all__ = ["CAPABILITIES", "ModelTraits", "known_limits", "traits_of"]

CAPABILITIES = frozenset(
    {
        "files",
        "parallel_tools",
        "prompt_caching",
        "stop",
        "streaming",
        "structured_output",
        "thinking",
        "token_counting",
        "tool_choice",
        "tools",
        "vision",
    }
)


@attrs.frozen(kw_only=True)
class ModelTraits:
    """How requests to a model must differ from those to others.

    Attributes:
        context_tokens, output_tokens: see `ModelLimits`.
        is_adaptive: takes `thinking: adaptive`, and the effort says how much.
        has_budget: takes `thinking: enabled` with a number of tokens.
        thinks_unasked: thinks when the request says nothing of it.
        off: the word that turns thinking off; None where nothing does.
        has_temperature: takes a temperature other than 1.
        can_force_tools: a request may demand a tool call.
        binds_thinking: reasoning counts only behind the very conversation that it was thought in.
    """

    context_tokens: int | None = None
    output_tokens: int | None = None
    is_adaptive: bool = True
    has_budget: bool = False
    thinks_unasked: bool = False
    off: Literal["disabled", "between_tools"] | None = "disabled"
    has_temperature: bool = True
    can_force_tools: bool = True
    binds_thinking: bool = False


_MILLION = 1_000_000
_OLD = ModelTraits(context_tokens=200_000, output_tokens=64_000, is_adaptive=False, has_budget=True)
_FOUR_SIX = ModelTraits(context_tokens=_MILLION, output_tokens=128_000, has_budget=True)
_FOUR_SEVEN = ModelTraits(context_tokens=_MILLION, output_tokens=128_000, has_temperature=False)
_FIVE = attrs.evolve(_FOUR_SEVEN, thinks_unasked=True)
_ALWAYS_THINKING = attrs.evolve(_FIVE, off=None)
_BOUND = attrs.evolve(_ALWAYS_THINKING, can_force_tools=False, binds_thinking=True)

# The longest prefix decides.
_FAMILIES: Mapping[str, ModelTraits] = {
    "claude-fable-5": _ALWAYS_THINKING,
    "claude-fable-5-": _BOUND,
    "claude-mythos-5": _ALWAYS_THINKING,
    "claude-mythos-5-": _BOUND,
    "claude-opus-5": _FIVE,
    "claude-opus-5-5": _BOUND,
    "claude-sonnet-5": _FIVE,
    "claude-sonnet-5-5": attrs.evolve(_BOUND, off="between_tools"),
    "claude-haiku-5-5": attrs.evolve(_FIVE, binds_thinking=True),
    "claude-opus-4-8": _FOUR_SEVEN,
    "claude-opus-4-7": _FOUR_SEVEN,
    "claude-opus-4-6": _FOUR_SIX,
    "claude-sonnet-4-6": attrs.evolve(_FOUR_SIX, output_tokens=64_000),
    "claude-opus-4-5": _OLD,
    "claude-opus-4": attrs.evolve(_OLD, output_tokens=32_000),
    "claude-sonnet-4": _OLD,
    "claude-haiku-4-5": _OLD,
    "claude-3-7-sonnet": _OLD,
    "claude-3-5": attrs.evolve(_OLD, output_tokens=8192, has_budget=False),
    "claude-3": attrs.evolve(_OLD, output_tokens=4096, has_budget=False),
}
_UNKNOWN_CLAUDE = ModelTraits()
# Other vendors' models behind this API know only the older way to think.
_STRANGER = ModelTraits(is_adaptive=False, has_budget=True)


def traits_of(model: str) -> ModelTraits:
    """What is known of a model; gateways may put their own words before `claude-`."""
    start = model.find("claude-")
    if start < 0:
        return _STRANGER
    name = model[start:]
    fitting = [prefix for prefix in _FAMILIES if name.startswith(prefix)]
    return _FAMILIES[max(fitting, key=len)] if fitting else _UNKNOWN_CLAUDE


def known_limits(model: str) -> ModelLimits:
    """The limits of a model, as far as they are known."""
    traits = traits_of(model)
    return ModelLimits(context_tokens=traits.context_tokens, output_tokens=traits.output_tokens)
