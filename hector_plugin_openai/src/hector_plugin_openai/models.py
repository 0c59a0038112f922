"""What is known of OpenAI's models, and what its two APIs can do. It imports no SDK."""

from __future__ import annotations

import re

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

# From OpenAI's pages on its models, for some of them from other vendors' pages that quote these, read
# on 1 December 2026. The window holds the answer too: "1,050,000, at most 922,000 of them input".
_MILLION = ModelLimits(context_tokens=1_050_000, output_tokens=128_000)
_LARGE = ModelLimits(context_tokens=400_000, output_tokens=128_000)
_CHAT = ModelLimits(context_tokens=128_000, output_tokens=16_384)
_FOUR_ONE = ModelLimits(context_tokens=1_047_576, output_tokens=32_768)
_O = ModelLimits(context_tokens=200_000, output_tokens=100_000)

# A model that is not here has unknown limits, and the config may give them.
_LIMITS = {
    "gpt-6.2-astra": _MILLION,
    "gpt-6.2-sol": _MILLION,
    "gpt-6.1-sol": _MILLION,
    "gpt-6-astra": _MILLION,
    "gpt-6-sol": _MILLION,
    "gpt-6-luna": _MILLION,
    "gpt-5.6-sol": _MILLION,
    "gpt-5.6-terra": _MILLION,
    "gpt-5.6-luna": _MILLION,
    "gpt-5.5": _MILLION,
    "gpt-5.4": _MILLION,
    "gpt-5.4-mini": _LARGE,
    "gpt-5.4-nano": _LARGE,
    "gpt-5.2": _LARGE,
    "gpt-5.1": _LARGE,
    "gpt-5.1-chat-latest": _CHAT,
    "gpt-5": _LARGE,
    "gpt-5-mini": _LARGE,
    "gpt-5-nano": _LARGE,
    "gpt-5-chat-latest": _CHAT,
    "gpt-4.1": _FOUR_ONE,
    "gpt-4.1-mini": _FOUR_ONE,
    "gpt-4.1-nano": _FOUR_ONE,
    "gpt-4o": _CHAT,
    "gpt-4o-mini": _CHAT,
    "o3": _O,
    "o4-mini": _O,
}
_SNAPSHOT = re.compile(r"-[0-9]{4}-[0-9]{2}-[0-9]{2}$")


def known_limits(model: str) -> ModelLimits:
    """The limits of a model of OpenAI, as far as they are known; a dated snapshot has its model's."""
    return _LIMITS.get(_SNAPSHOT.sub("", model), ModelLimits())
