"""What the templates have to say of each kind beside their code."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hector.spi import Kind

__all__ = ["KIND_TEXTS", "KindText"]


@attrs.frozen
class KindText:
    """Words about the plugins of one kind.

    Attributes:
        summary: what the distribution is; `{title}` stands for the plugin's name in words.
        next: what its author does next.
        question: what to ask the agent of its `config.yaml`.
        main: the module that holds the component.
    """

    summary: str
    next: str
    question: str
    main: str


_CLIENT = (
    "`client.py` stands where {what} will be: put the real one there, and let `{main}` speak to it."
)

KIND_TEXTS: Mapping[Kind, KindText] = {
    "llm": KindText(
        "Chat models of {title} for Hector",
        _CLIENT.format(what="the vendor's SDK", main="llm.py"),
        "good morning",
        "llm",
    ),
    "embedder": KindText(
        "Embedders of {title} for Hector",
        _CLIENT.format(what="the vendor's SDK or your model", main="embedder.py"),
        "What is the plugin for?",
        "embedder",
    ),
    "vector_store": KindText(
        "Vector stores of {title} for Hector",
        _CLIENT.format(what="your engine or a server's SDK", main="store.py"),
        "What is the plugin for?",
        "store",
    ),
    "toolset": KindText(
        "Tools of {title} for Hector",
        _CLIENT.format(what="what the tools act upon", main="toolset.py"),
        "Which notes are there?",
        "toolset",
    ),
    "agent": KindText(
        "Agents of the type {title} for Hector",
        "`agent.py` has the steps of a run: put your own there, and keep them a function of the"
        " message and of what earlier steps gave.",
        "What is a bee?",
        "agent",
    ),
    "document_source": KindText(
        "Documents of {title} for Hector",
        _CLIENT.format(what="the service that has the documents", main="source.py"),
        "What do bees make?",
        "source",
    ),
    "document_parser": KindText(
        "A document parser for {title} for Hector",
        "`parser.py` reads JSON Lines: put your format there, and examples of it, good and broken,"
        " into `conformance.py`.",
        "What do bees make?",
        "parser",
    ),
    "chunker": KindText(
        "The chunking strategy {title} for Hector",
        "`chunker.py` cuts at blank lines: put your own rule there.",
        "What is the plugin for?",
        "chunker",
    ),
    "session_backend": KindText(
        "Session stores in {title} for Hector",
        "`sessions.py` hands out Hector's store in memory: put your database there, and set"
        " `is_persistent` in `conformance.py`.",
        "hello",
        "sessions",
    ),
}
"""Every kind that has a hook."""
