"""From bytes to text, honestly: what is not text is refused."""

from __future__ import annotations

import codecs

__all__ = ["NotTextError", "decode_text"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins like that one's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x08\x1b"))


class NotTextError(ValueError):
    """The bytes are not text in any encoding that can be told."""


def decode_text(data: bytes) -> tuple[str, str]:
    r"""The text, with lines that end with `\n`, and the encoding it was in.

    A byte order mark decides; then UTF-8; and what is not UTF-8 but has no control characters is
    taken for Windows-1252, the usual old encoding (Latin-1 where that leaves a byte undefined).

    Raises:
        NotTextError: there are control characters, as in a binary file, or a mark that lies.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return _lines(data.decode(encoding)), encoding
            except UnicodeDecodeError as error:
                raise NotTextError(f"it begins like {encoding} but is not") from error
    if b"\0" in data:
        raise NotTextError("it is a binary file")
    try:
        return _lines(data.decode()), "utf-8"
    except UnicodeDecodeError:
        pass
    if data.translate(None, _CONTROLS) != data:
        raise NotTextError("it is a binary file")
    try:
        return _lines(data.decode("cp1252")), "cp1252"
    except UnicodeDecodeError:
        return _lines(data.decode("latin-1")), "latin-1"


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
