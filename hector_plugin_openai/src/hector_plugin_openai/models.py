"""What is known of OpenAI's models, and what its two APIs can do. It imports no SDK."""

from __future__ import annotations

from hector.spi import ModelLimits

__all__ = ["CHAT_CAPABILITIES", "RESPONSES_CAPABILITIES", "known_limits"]

_BOTH = frozenset(
    {
        "files",
        "parallel_tools",
        "prompt_caching",
        "streaming",
        "structured_output",
        "thinking",
        "tool_choice",
        "tools",
        "vision",
    }
)
RESPONSES_CAPABILITIES = _BOTH | {"token_counting"}
CHAT_CAPABILITIES = _BOTH | {"stop"}

# The longest prefix decides; a model that is not here has unknown limits, and the config may give them.
_LIMITS = {
    "gpt-6": ModelLimits(context_tokens=922_000, output_tokens=128_000),
    "gpt-5.5": ModelLimits(context_tokens=1_050_000, output_tokens=128_000),
    "gpt-5": ModelLimits(context_tokens=400_000, output_tokens=128_000),
    "gpt-4.1": ModelLimits(context_tokens=1_047_576, output_tokens=32_768),
    "gpt-4o": ModelLimits(context_tokens=128_000, output_tokens=16_384),
    "o3": ModelLimits(context_tokens=200_000, output_tokens=100_000),
    "o4-mini": ModelLimits(context_tokens=200_000, output_tokens=100_000),
}


def known_limits(model: str) -> ModelLimits:
    """The limits of a model of OpenAI, as far as they are known."""
    fitting = [prefix for prefix in _LIMITS if model.startswith(prefix)]
    return _LIMITS[max(fitting, key=len)] if fitting else ModelLimits()
