"""What is known of Cohere's models: limits, and what they can do. It imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hector.spi import ModelLimits

__all__ = [
    "CAPABILITIES",
    "EmbeddingTraits",
    "ModelTraits",
    "embedding_traits",
    "known_limits",
    "traits_of",
]

CAPABILITIES = frozenset(
    {
        "parallel_tools",
        "prompt_caching",
        "stop",
        "streaming",
        "structured_output",
        "thinking",
        "tool_choice",
        "tools",
        "vision",
    }
)

_TOOLS = frozenset({"parallel_tools", "tool_choice", "tools"})


@attrs.frozen(kw_only=True)
class ModelTraits:
    """What a model can and cannot do.

    Attributes:
        context_tokens, output_tokens: see `ModelLimits`.
        capabilities: of it.
        can_think: takes `thinking`; models that do not still plan their tool calls in words.
    """

    context_tokens: int | None = None
    output_tokens: int | None = None
    capabilities: frozenset[str] = CAPABILITIES
    can_think: bool = True


# Limits, image input and reasoning, and that one model takes no tools, are from the pages on Cohere's models in the
# repository of its documentation, read on 1 December 2026; that models before Command R7B cannot be made to call a
# tool, from the API reference in the SDK, 7.3.
_BLIND = CAPABILITIES - {"vision"}
_COMMAND = ModelTraits(
    context_tokens=128_000, output_tokens=4_000, capabilities=_BLIND, can_think=False
)
_COMMAND_R = attrs.evolve(_COMMAND, capabilities=_BLIND - {"tool_choice"})
_TINY = ModelTraits(context_tokens=8_000, output_tokens=8_000, capabilities=_BLIND)

_MODELS: Mapping[str, ModelTraits] = {
    "command-a-plus-05-2026": ModelTraits(context_tokens=128_000, output_tokens=64_000),
    "command-a-03-2025": attrs.evolve(_COMMAND, context_tokens=256_000, output_tokens=8_000),
    "command-a-reasoning-08-2025": ModelTraits(
        context_tokens=256_000, output_tokens=32_000, capabilities=_BLIND
    ),
    "command-a-vision-07-2025": attrs.evolve(
        _COMMAND, output_tokens=8_000, capabilities=CAPABILITIES - _TOOLS
    ),
    "command-a-translate-08-2025": ModelTraits(  # 8k in and 8k out
        context_tokens=16_000, output_tokens=8_000, capabilities=_BLIND
    ),
    "command-r7b-12-2024": _COMMAND,
    "command-r-08-2024": _COMMAND_R,
    "command-r-plus-08-2024": _COMMAND_R,
    "north-mini-code-1-0": ModelTraits(
        context_tokens=256_000, output_tokens=64_000, capabilities=_BLIND
    ),
    "north-small-translate-1-0": ModelTraits(
        context_tokens=16_000, output_tokens=16_000, capabilities=_BLIND
    ),
    "c4ai-aya-expanse-32b": _COMMAND,
    "c4ai-aya-vision-32b": attrs.evolve(_COMMAND, context_tokens=16_000, capabilities=CAPABILITIES),
    "tiny-aya-earth": _TINY,
    "tiny-aya-fire": _TINY,
    "tiny-aya-global": _TINY,
    "tiny-aya-water": _TINY,
}
_UNKNOWN = ModelTraits()


def traits_of(model: str) -> ModelTraits:
    """What is known of a model; one that is not known may do everything, and has unknown limits."""
    return _MODELS.get(model, _UNKNOWN)


def known_limits(model: str) -> ModelLimits:
    """The limits of a model, as far as they are known."""
    traits = traits_of(model)
    return ModelLimits(context_tokens=traits.context_tokens, output_tokens=traits.output_tokens)


@attrs.frozen(kw_only=True)
class EmbeddingTraits:
    """What vectors a model gives.

    Attributes:
        dimension: their full length, or None.
        shorter: the lengths to which it can shorten them; None where nothing is known.
    """

    dimension: int | None = None
    shorter: frozenset[int] | None = None


# From the same pages, and for Embed 5 from public code that uses it.
_FIVE = EmbeddingTraits(dimension=2048, shorter=frozenset({256, 512, 768, 1024, 1536}))

_EMBEDDERS: Mapping[str, EmbeddingTraits] = {
    "embed-v5.0-pro": _FIVE,
    "embed-v5.0-fast": _FIVE,
    "embed-v4.0": EmbeddingTraits(dimension=1536, shorter=frozenset({256, 512, 1024})),
    "embed-english-v3.0": EmbeddingTraits(dimension=1024, shorter=frozenset()),
    "embed-multilingual-v3.0": EmbeddingTraits(dimension=1024, shorter=frozenset()),
    "embed-english-light-v3.0": EmbeddingTraits(dimension=384, shorter=frozenset()),
    "embed-multilingual-light-v3.0": EmbeddingTraits(dimension=384, shorter=frozenset()),
}


def embedding_traits(model: str) -> EmbeddingTraits:
    """What is known of an embedding model."""
    return _EMBEDDERS.get(model, EmbeddingTraits())
