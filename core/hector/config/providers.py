"""What the config asks of the registry of providers, which lives a room above."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import attrs

from hector.config.suggest import did_you_mean
from hector.spi import Provider

__all__ = [
    "KIND_WORDS",
    "LLM_TYPES_BY_ENVIRONMENT",
    "ProviderIndex",
    "ProviderProblem",
    "choose_llm_type",
    "unknown_provider",
]

KIND_WORDS: Final[Mapping[str, str]] = {
    "llm": "LLM",
    "embedder": "embedder",
    "vector_store": "vector store",
    "toolset": "toolset",
    "agent": "agent",
    "document_store": "document store",
    "document_source": "document source",
    "document_parser": "document parser",
    "chunker": "chunker",
    "session_backend": "database",
}
"""What a kind is called in messages."""

_PACKAGES: Final[Mapping[str, str]] = {
    "anthropic": "hector-plugin-anthropic",
    "chroma": "hector-plugin-chroma",
    "cohere": "hector-plugin-cohere",
    "gemini": "hector-plugin-gemini",
    "llamacpp": "hector-plugin-llamacpp",
    "mcp": "hector-plugin-mcp",
    "milvus": "hector-plugin-milvus",
    "mariadb": "hector-plugin-mysql",
    "minilm": "hector-plugin-minilm",
    "mysql": "hector-plugin-mysql",
    "ollama": "hector-plugin-ollama",
    "openai": "hector-plugin-openai",
    "pinecone": "hector-plugin-pinecone",
    "postgres": "hector-plugin-postgres",
    "postgresql": "hector-plugin-postgres",
    "qdrant": "hector-plugin-qdrant",
    "weaviate": "hector-plugin-weaviate",
}

_LLM_BY_VARIABLE: Final = (
    ("OPENAI_API_KEY", "openai"),
    ("ANTHROPIC_API_KEY", "anthropic"),
    ("GEMINI_API_KEY", "gemini"),
    ("GOOGLE_API_KEY", "gemini"),
    ("CO_API_KEY", "cohere"),
    ("COHERE_API_KEY", "cohere"),
)
LLM_TYPES_BY_ENVIRONMENT: Final = (
    *dict.fromkeys(type_name for _, type_name in _LLM_BY_VARIABLE),
    "offline",
)
"""What `choose_llm_type` may choose."""


@attrs.frozen(kw_only=True)
class ProviderProblem:
    """Why a type cannot be used.

    Attributes:
        code: H107 nobody offers it, H113 several plugins do, H116 the plugin that does is failed
            or blocked.
        message: what is wrong, without the place in the config.
        hint: what to do; for H107 the config adds its own when there is none.
    """

    code: str
    message: str
    hint: str | None = None


class ProviderIndex(Protocol):
    """Finds providers. `hector.plugin.Registry` is one."""

    def find(self, kind: str, type: str) -> Provider | ProviderProblem:
        """The provider of a type, by its name or by `distribution:type`; or why there is none."""
        ...

    def types(self, kind: str) -> Sequence[str]:
        """The type names that can be used, without the qualified ones."""
        ...

    def providers(self, kind: str) -> Sequence[Provider]:
        """Every provider of a kind."""
        ...


def _nearest(word: str, choices: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.7)


def unknown_provider(kind: str, type: str, types: Sequence[str]) -> ProviderProblem:
    """The H107 for a type nobody offers: what is there, and the package that would bring it.

    Args:
        kind: the kind of provider.
        type: what the config says.
        types: what is installed.
    """
    word = KIND_WORDS.get(kind, kind)
    if package := _PACKAGES.get(type):
        installed = f" (installed: {', '.join(types)})" if types else ""
        hint = f"install it: pip install {package}{installed}"
    else:
        hint = (
            did_you_mean(type, types, none=f"no plugin that offers a type of {word} is installed")
            or ""
        )
        if not any(near in types for near in _nearest(type, [*types, *_PACKAGES])):
            for near in _nearest(type, [*_PACKAGES]):
                hint = f"did you mean `{near}`? pip install {_PACKAGES[near]} ({hint})"
    return ProviderProblem(
        code="H107", message=f"no installed plugin offers the {word} type `{type}`", hint=hint
    )


def choose_llm_type(variables: Mapping[str, str], types: Sequence[str]) -> str | None:
    """The LLM type for a config that names none: by the API key that is set, else `offline`.

    Args:
        variables: the environment.
        types: the installed LLM types; others are not chosen.

    Returns:
        The type, or None when not even `offline` is installed.
    """
    for name, type_name in _LLM_BY_VARIABLE:
        if variables.get(name) and type_name in types:
            return type_name
    return "offline" if "offline" in types else None
