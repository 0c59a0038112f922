"""What is known of Google's models: limits, ways to think, and what they refuse. It imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from hector.spi import ModelLimits

__all__ = [
    "CAPABILITIES",
    "EmbeddingTraits",
    "Level",
    "ModelTraits",
    "embedding_traits",
    "known_limits",
    "traits_of",
]

Level: TypeAlias = Literal["minimal", "low", "medium", "high", "xhigh"]

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


_WINDOW = 1_048_576


@attrs.frozen(kw_only=True)
class ModelTraits:
    """How requests to a model must differ from those to others.

    Attributes:
        context_tokens, output_tokens: see `ModelLimits`.
        can_think: takes a word about thinking.
        levels: levels of thinking that it takes; empty where thinking has a number of tokens, or is not there.
        has_other_levels: it may take more of them than are known.
        least_budget, most_budget: bounds of that number.
        can_rest: a budget of 0 turns thinking off.
        checks_signatures: the first call of each step must bear its thought signature.
        takes_files_in_results: a tool's result may hold files.
        forms_with_tools: an answer by JSON Schema may be asked for where tools are offered.
    """

    context_tokens: int | None = None
    output_tokens: int | None = None
    can_think: bool = True
    levels: tuple[Level, ...] = ()
    has_other_levels: bool = False
    least_budget: int = 1
    most_budget: int = _WINDOW
    can_rest: bool = False
    checks_signatures: bool = True
    takes_files_in_results: bool = True
    forms_with_tools: bool = True


# Limits and levels of Gemini 3 and 4, and limits of 2.5, from Google's pages on its models, read on 1 December 2026;
# what else stands here was not found anew. Gemini 4 has one limit for input and output together, and writes 65,536
# tokens in one reply.
_THREE = ModelTraits(
    context_tokens=_WINDOW, output_tokens=65_536, levels=("minimal", "low", "medium", "high")
)
_NEVER_MINIMAL = attrs.evolve(_THREE, levels=("low", "medium", "high"))
_TWO_FIVE = ModelTraits(
    context_tokens=_WINDOW,
    output_tokens=65_536,
    most_budget=24_576,
    can_rest=True,
    checks_signatures=False,
    takes_files_in_results=False,
    forms_with_tools=False,
)
_TWO = attrs.evolve(_TWO_FIVE, output_tokens=8192, can_think=False)

# The longest prefix decides.
_FAMILIES: Mapping[str, ModelTraits] = {
    "gemini-4-argon": _NEVER_MINIMAL,
    "gemini-4-carbon": _NEVER_MINIMAL,
    "gemini-4-hydrogen": attrs.evolve(_THREE, levels=("low", "medium", "high", "xhigh")),
    "gemini-3.8-flash": _NEVER_MINIMAL,
    "gemini-3.7-flash": _NEVER_MINIMAL,
    "gemini-3.6-flash": _THREE,
    "gemini-3.5-flash": _THREE,
    "gemini-3.1-flash": _THREE,
    "gemini-3.1-pro": _NEVER_MINIMAL,
    "gemini-3-flash": _THREE,
    "gemini-3-pro": attrs.evolve(_THREE, levels=("low", "high")),
    "gemini-2.5-pro": attrs.evolve(_TWO_FIVE, least_budget=128, most_budget=32_768, can_rest=False),
    "gemini-2.5-flash": _TWO_FIVE,
    "gemini-2.5-flash-lite": attrs.evolve(_TWO_FIVE, least_budget=512),
    "gemini-2.0-": _TWO,
}
# What is new may take any level; `low` every model has that has levels.
_UNKNOWN_GEMINI = attrs.evolve(
    _NEVER_MINIMAL, context_tokens=None, output_tokens=None, has_other_levels=True
)
# Gemma and what else may stand behind this API.
_STRANGER = attrs.evolve(_TWO_FIVE, context_tokens=None, output_tokens=None, most_budget=_WINDOW)


def traits_of(model: str) -> ModelTraits:
    """What is known of a model; `models/` and a gateway's own words may stand before `gemini-`."""
    start = model.find("gemini-")
    if start < 0:
        return _STRANGER
    name = model[start:]
    fitting = [prefix for prefix in _FAMILIES if name.startswith(prefix)]
    return _FAMILIES[max(fitting, key=len)] if fitting else _UNKNOWN_GEMINI


def known_limits(model: str) -> ModelLimits:
    """The limits of a model, as far as they are known."""
    traits = traits_of(model)
    return ModelLimits(context_tokens=traits.context_tokens, output_tokens=traits.output_tokens)


@attrs.frozen(kw_only=True)
class EmbeddingTraits:
    """How an embedding model is told what a text is for.

    Attributes:
        dimension: full length of its vectors, or None.
        has_task_types: the request says it; else words before the text do.
        query_prefix, document_prefix: these words.
        is_scaled: shortened vectors have length 1, too.
    """

    dimension: int | None = None
    has_task_types: bool = True
    query_prefix: str = ""
    document_prefix: str = ""
    is_scaled: bool = False


# Lengths from Google's page on embeddings, read on 1 December 2026; the words before texts are those of its page for
# `gemini-embedding-2` as public code quotes it. The settings override both.
_EMBEDDERS: Mapping[str, EmbeddingTraits] = {
    "gemini-embedding-001": EmbeddingTraits(dimension=3072),
    "gemini-embedding-2": EmbeddingTraits(
        dimension=3072,
        has_task_types=False,
        query_prefix="task: search result | query: ",
        document_prefix="title: none | text: ",
        is_scaled=True,
    ),
}


def embedding_traits(model: str) -> EmbeddingTraits:
    """What is known of an embedding model; the longest name that its own begins with decides."""
    name = model.removeprefix("models/")
    fitting = [prefix for prefix in _EMBEDDERS if name.startswith(prefix)]
    return _EMBEDDERS[max(fitting, key=len)] if fitting else EmbeddingTraits()
