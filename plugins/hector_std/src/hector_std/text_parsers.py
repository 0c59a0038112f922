"""The parsers of the standard plugins: plain text, Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hector.errors import DocumentError
from hector.message import JSONValue
from hector.spi import BuildContext, Document, RawDocument
from hector_std.parsers import ParserSettings
from hector_std.text_decoding import NotTextError, decode_text

__all__ = [
    "HtmlParser",
    "MarkdownParser",
    "TextParser",
    "open_html",
    "open_markdown",
    "open_text",
]

_MARKDOWN = frozenset({"md", "markdown", "mdx"})
_HTML = frozenset({"html", "htm", "xhtml"})
_TEXT_TYPES = re.compile(r"text/.*|application/(?:(?:.*\+)?(?:json|xml|yaml)|toml|javascript|sql)")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*\Z")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*\Z")
_SNIFFED = 4096


def _format(raw: RawDocument) -> str:
    """`markdown`, `html`, `text` by media type or name, or empty when neither tells."""
    media_type = raw.media_type.partition(";")[0].strip().lower()
    suffix = raw.name.rpartition(".")[2].lower() if "." in raw.name else ""
    if media_type == "text/markdown" or (not media_type and suffix in _MARKDOWN):
        return "markdown"
    if media_type in ("text/html", "application/xhtml+xml") or (not media_type and suffix in _HTML):
        return "html"
    return "text" if _TEXT_TYPES.fullmatch(media_type) else ""


def _decoded(raw: RawDocument) -> str:
    try:
        return decode_text(raw.data)[0]
    except NotTextError as error:
        raise DocumentError(f"`{raw.id}` is not text: {error}") from error


class TextParser:
    """Anything that is text and has no parser of its own: the content as it is, without a title."""

    def accepts(self, raw: RawDocument) -> bool:
        """Whether its media type says text or, if it has none, its first bytes are text."""
        if raw.media_type or _format(raw):
            return _format(raw) == "text"
        if raw.data.startswith((b"%PDF-", b"{\\rtf")):
            return False
        # The cut may fall inside a character.
        head = raw.data[:_SNIFFED] if len(raw.data) <= _SNIFFED else raw.data[: _SNIFFED - 4]
        try:
            decode_text(head)
        except NotTextError:
            return False
        return True

    def parse(self, raw: RawDocument) -> Document:
        """See `DocumentParser`."""
        return Document(id=raw.id, text=_decoded(raw), metadata=raw.metadata)


class MarkdownParser:
    """Markdown: the text stays as it is; the title is the front matter's or the first heading.

    Front matter becomes metadata (scalars and lists of scalars; it does not replace what the source
    said) and blank lines, so that line numbers are those of the file.
    """

    def accepts(self, raw: RawDocument) -> bool:
        """Whether the media type, or else the suffix, says Markdown."""
        return _format(raw) == "markdown"

    def parse(self, raw: RawDocument) -> Document:
        """See `DocumentParser`."""
        text = _decoded(raw)
        found: dict[str, JSONValue] = {}
        if match := _FRONT_MATTER.match(text):
            parsed = _front_matter(match[1])
            if parsed is not None:
                found = parsed
                text = "\n" * match[0].count("\n") + text[match.end() :]
        title = found.pop("title", None)
        return Document(
            id=raw.id,
            text=text,
            title=str(title) if title else _first_heading(text),
            metadata={**found, **raw.metadata},
        )


def _front_matter(text: str) -> dict[str, JSONValue] | None:
    """The keys that can be kept; None if this is not front matter after all."""
    import yaml

    try:
        loaded: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None
    if not isinstance(loaded, Mapping):
        return None
    kept: dict[str, JSONValue] = {}
    for key, value in loaded.items():  # pyright: ignore[reportUnknownVariableType]
        plain = _plain(value)  # pyright: ignore[reportUnknownArgumentType]
        if plain is not None:
            kept[str(key)] = plain  # pyright: ignore[reportUnknownArgumentType]
    return kept


def _plain(value: object) -> JSONValue:
    """A scalar or a list of scalars; a date as ISO text; None for anything else."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list):
        items = [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return items if all(isinstance(item, str | int | float) for item in items) else None
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if isoformat else None


def _first_heading(text: str) -> str:
    fence = ""
    previous = ""
    for line in text.split("\n"):
        if match := _FENCE.match(line):
            mark = match[1]
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence):
                fence = ""
        elif not fence:
            if heading := _HEADING.match(line):
                return heading[1]
            if previous and _UNDERLINE.match(line):
                return previous
        previous = "" if fence or match else line.strip()
    return ""


class HtmlParser:
    """HTML as text: headings as `#`, items as `-`, preformatted text fenced, navigation left out.

    Line numbers are those of the text made, not of the file.
    """

    def accepts(self, raw: RawDocument) -> bool:
        """Whether the media type, or else the suffix, says HTML."""
        return _format(raw) == "html"

    def parse(self, raw: RawDocument) -> Document:
        """See `DocumentParser`."""
        from hector_std.html_text import html_text

        declared = re.search(
            rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", raw.data[:2048], re.IGNORECASE
        )
        source: str | None = None
        if declared and not raw.data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            try:
                source = raw.data.decode(declared[1].decode())
            except (LookupError, UnicodeDecodeError):
                source = None
        title, text = html_text(_decoded(raw) if source is None else source)
        return Document(id=raw.id, text=text, title=title, metadata=raw.metadata)


def open_text(_settings: ParserSettings, _context: BuildContext) -> TextParser:
    """Make the parser."""
    return TextParser()


def open_markdown(_settings: ParserSettings, _context: BuildContext) -> MarkdownParser:
    """Make the parser."""
    return MarkdownParser()


def open_html(_settings: ParserSettings, _context: BuildContext) -> HtmlParser:
    """Make the parser."""
    return HtmlParser()
