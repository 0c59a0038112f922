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


_BLIND = CAPABILITIES - {"vision"}
_COMMAND = ModelTraits(
    context_tokens=128_000, output_tokens=4_000, capabilities=_BLIND, can_think=False
)
_SEEING = attrs.evolve(_COMMAND, output_tokens=8_000, capabilities=CAPABILITIES - _TOOLS)

# The longest prefix decides.
_FAMILIES: Mapping[str, ModelTraits] = {
    "command-a-plus-": ModelTraits(),
    "command-a-03-2025": attrs.evolve(_COMMAND, context_tokens=256_000, output_tokens=8_000),
    "command-a-reasoning-": ModelTraits(
        context_tokens=256_000, output_tokens=32_000, capabilities=_BLIND
    ),
    "command-a-vision-": _SEEING,
    "command-a-translate-": ModelTraits(
        context_tokens=8_000, output_tokens=8_000, capabilities=_BLIND - _TOOLS, can_think=False
    ),
    "command-r7b-": _COMMAND,
    "command-r-": attrs.evolve(_COMMAND, capabilities=_BLIND - {"tool_choice"}),
    "c4ai-aya-expanse-": attrs.evolve(_COMMAND, capabilities=_BLIND - _TOOLS),
    "c4ai-aya-vision-": attrs.evolve(_SEEING, context_tokens=16_000, output_tokens=4_000),
}
_UNKNOWN = ModelTraits()


def traits_of(model: str) -> ModelTraits:
    """What is known of a model; one that is not known may do everything."""
    fitting = [prefix for prefix in _FAMILIES if model.startswith(prefix)]
    return _FAMILIES[max(fitting, key=len)] if fitting else _UNKNOWN


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


_EMBEDDERS: Mapping[str, EmbeddingTraits] = {
    "embed-v4.0": EmbeddingTraits(dimension=1536, shorter=frozenset({256, 512, 1024})),
    "embed-english-v3.0": EmbeddingTraits(dimension=1024, shorter=frozenset()),
    "embed-multilingual-v3.0": EmbeddingTraits(dimension=1024, shorter=frozenset()),
    "embed-english-light-v3.0": EmbeddingTraits(dimension=384, shorter=frozenset()),
    "embed-multilingual-light-v3.0": EmbeddingTraits(dimension=384, shorter=frozenset()),
}


def embedding_traits(model: str) -> EmbeddingTraits:
    """What is known of an embedding model."""
    return _EMBEDDERS.get(model, EmbeddingTraits())
