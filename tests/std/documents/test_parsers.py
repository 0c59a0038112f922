"""The parsers: text stays text, and what is not text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import DocumentError
from hector.spi import RawDocument
from hector_std.conformance import TestHtml, TestMarkdown, TestText
from hector_std.text_decoding import NotTextError, decode_text
from hector_std.text_parsers import HtmlParser, MarkdownParser, TextParser

__all__ = ["TestHtml", "TestMarkdown", "TestText"]


def raw(name: str, data: str | bytes, media_type: str = "") -> RawDocument:
    content = data.encode() if isinstance(data, str) else data
    return RawDocument(
        id=name, data=content, name=name, media_type=media_type, metadata={"path": name}
    )


def test_each_document_is_accepted_by_one_parser() -> None:
    parsers = (TextParser(), MarkdownParser(), HtmlParser())
    documents = [
        raw("a.md", "x"),
        raw("a.htm", "x"),
        raw("a.py", "x"),
        raw("a.md", "x", "text/html"),
    ]
    assert [[parser.accepts(item) for parser in parsers] for item in documents] == [
        [False, True, False],
        [False, False, True],
        [True, False, False],
        [False, False, True],
    ]
    pdf = raw("a.pdf", b"%PDF-1.7\nall of it is text")
    assert not any(parser.accepts(pdf) for parser in parsers)


def test_front_matter_becomes_title_and_metadata_and_keeps_the_line_numbers() -> None:
    text = (
        "---\ntitle: The Title\ntags: [a, b]\ndate: 2024-05-01\npath: x\nnest: {a: 1}\n---\n# H\n"
    )
    document = MarkdownParser().parse(raw("a.md", text))
    assert document.title == "The Title"
    assert document.metadata == {"tags": ["a", "b"], "date": "2024-05-01", "path": "a.md"}
    assert document.text.split("\n").index("# H") == 7
    assert "tags" not in document.text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n## Second ##\n", "Second"),
        ("```\n# comment\n```\n# Real\n", "Real"),
        ("Under\n=====\n", "Under"),
        ("---\nnot: [yaml\n---\n# H\n", "not: [yaml"),  # no YAML: an underlined heading
        ("plain text\n", ""),
        ("#hashtag\n", ""),
    ],
)
def test_the_title_is_the_first_heading(text: str, title: str) -> None:
    assert MarkdownParser().parse(raw("a.md", text)).title == title


PAGE = """<!doctype html><html><head><title>The &amp; Page</title><style>p{}</style>
<script>var x = "<p>no</p>";</script></head><body><nav><ul><li>Home</li></ul></nav>
<main><h1>Guide</h1><p>One <b>bold</b>
word.</p><ul><li>first<li>second</ul><pre>
x = 1

y = 2</pre><table><tr><th>a<th>b</tr><tr><td>1</td><td>2</td></tr></table>a<br>b</main>
<footer>Legal</footer></body></html>"""


def test_html_keeps_its_structure_and_loses_what_is_not_content() -> None:
    document = HtmlParser().parse(raw("a.html", PAGE))
    assert document.title == "The & Page"
    assert document.text == (
        "# Guide\n\nOne bold word.\n\n- first\n- second\n\n```\nx = 1\n\ny = 2\n```\n\n"
        "a | b\n1 | 2\n\na\nb\n"
    )


def test_a_declared_charset_counts() -> None:
    page = '<meta charset="iso-8859-2"><p>ł</p>'.encode("iso-8859-2")
    assert HtmlParser().parse(raw("a.html", page)).text == "ł\n"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")))
def test_text_in_any_unicode_encoding_is_read_as_it_is(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decode_text(text.encode(encoding))[0] == text


@given(st.binary(max_size=60))
def test_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text, _ = decode_text(data)
    except NotTextError:
        return
    assert "\r" not in text
    assert "\0" not in text or data[:2] in (b"\xff\xfe", b"\xfe\xff")


def test_an_old_encoding_is_read_and_a_binary_file_is_not() -> None:
    assert decode_text("naïve “quote”".encode("cp1252")) == ("naïve “quote”", "cp1252")
    with pytest.raises(NotTextError):
        decode_text(b"\xff\xd8\xff\xe0\x01\x02JFIF")
    with pytest.raises(DocumentError, match="`a` is not text: it is a binary file"):
        TextParser().parse(raw("a", b"\x7fELF\0"))
