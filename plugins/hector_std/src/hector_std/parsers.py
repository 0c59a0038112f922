"""What the standard parsers declare: their settings, which have no keys, and their providers."""

from __future__ import annotations

import attrs

from hector.spi import Provider

__all__ = ["PROVIDERS", "ParserSettings"]


@attrs.frozen(kw_only=True)
class ParserSettings:
    """The standard parsers have no keys."""


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        kind="document_parser",
        type="text",
        settings=ParserSettings,
        create="hector_std.text_parsers:open_text",
        summary="plain text, source code, JSON, YAML and the like",
    ),
    Provider(
        kind="document_parser",
        type="markdown",
        settings=ParserSettings,
        create="hector_std.text_parsers:open_markdown",
        summary="Markdown, with front matter",
    ),
    Provider(
        kind="document_parser",
        type="html",
        settings=ParserSettings,
        create="hector_std.text_parsers:open_html",
        summary="HTML pages",
    ),
)
