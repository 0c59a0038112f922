"""The readable text of an HTML page, with its structure kept in Markdown's signs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["html_text"]

_SKIPPED = frozenset(
    {"script", "style", "template", "noscript", "nav", "footer", "svg", "iframe", "select"}
)
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "dd", "details", "div",
        "dl", "dt", "fieldset", "figcaption", "figure", "form", "h1", "h2",
        "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
        "ol", "p", "pre", "section", "summary", "table", "tbody", "td",
        "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_APART = frozenset({"p", "pre", "table", "ul", "ol", "blockquote", *_HEADINGS})
_SPACE = re.compile(r"[ \t\r\n\f]+")


def html_text(source: str) -> tuple[str, str]:
    """Title and text of a page; the title is `<title>`, or else the first heading."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return reader.finish()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._prefix = ""
        self._skipped = ""
        self._depth = 0
        self._preformatted = 0
        self._title: list[str] = []
        self._in_title = False
        self._first_heading = ""
        self._heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped:
            self._depth += tag == self._skipped
            return
        if tag in _SKIPPED:
            self._skipped, self._depth = tag, 1
        elif tag == "title":
            self._in_title = not self._title
        elif tag == "br":
            self._end_line()
        elif tag in _BLOCKS:
            if tag in ("td", "th") and self._line.strip():
                self._line += " | "
                return
            self._begin(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            self._depth -= tag == self._skipped
            if self._depth == 0:
                self._skipped = ""
            return
        if tag == "title":
            self._in_title = False
        elif tag in _BLOCKS and tag not in ("td", "th"):
            self._end(tag)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
        elif self._skipped:
            return
        elif self._preformatted:
            first, *rest = data.split("\n")
            self._line += first
            for line in rest:
                self._end_line()
                self._line = line
        else:
            text = _SPACE.sub(" ", data)
            self._line += text.lstrip() if not self._line or self._line.endswith(" ") else text

    def finish(self) -> tuple[str, str]:
        if self._preformatted:
            self._end("pre")
        self._end_line()
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")
        title = _SPACE.sub(" ", "".join(self._title)).strip()
        return title or self._first_heading, text + "\n" if text else ""

    def _begin(self, tag: str) -> None:
        self._end_line()
        if tag in _APART:
            self._lines.append("")
        if tag in _HEADINGS:
            self._prefix = self._heading = _HEADINGS[tag]
        elif tag == "li":
            self._prefix = "- "
        elif tag == "pre":
            if not self._preformatted:
                self._lines.append("```")
            self._preformatted += 1

    def _end(self, tag: str) -> None:
        self._end_line()
        if tag == "pre" and self._preformatted:
            self._preformatted -= 1
            if not self._preformatted:
                self._lines.append("```")
        if tag in _HEADINGS:
            self._prefix = self._heading = ""
        if tag in _APART:
            self._lines.append("")

    def _end_line(self) -> None:
        line, self._line = self._line.rstrip(), ""
        if self._preformatted:
            if line or self._lines[-1] != "```":
                self._lines.append(line)
            return
        if not line:
            return
        if self._heading and not self._first_heading:
            self._first_heading = line.strip()
        self._lines.append(self._prefix + line.strip())
        self._prefix = ""
