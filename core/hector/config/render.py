"""A problem for people: its place, the line, a caret and what to do; and the same as JSON."""

from __future__ import annotations

import difflib
import re
from typing import Any

import attrs

from hector.config.shape import SECRET_EXPECTED
from hector.errors import Diagnostic

__all__ = ["diagnostic_json", "render"]

_MAX_WIDTH = 160
_MASK = "…"
_PAIR = re.compile(
    r"(?P<key>[\w.-]+|\"[^\"]*\"|'[^']*')(?P<colon>\s*[:=]\s+|\s*=\s*|(?<=[\"']):\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"?|'(?:[^']|'')*'?|\[[^\]]*\]?|\$\{[^}]*\}|[^\s,{}\[\]][^,}\]]*)"
)
_REFERENCE = re.compile(r"([\"']?)\$\{\w+\}\1")  # the name of a variable is no secret
_OPENED = re.compile(r"(?P<key>[\w.-]+|\"[^\"]*\"|'[^']*')\s*[:=]\s*(?=[\[{])")
_USER_INFO = re.compile(r"(?<=//)[^/\s@]+(?=@)")
_SECRET_WORDS = (
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "credential",
    "auth",
    "cookie",
    "dsn",
)
_SECRET_KEYS = ("api_key", "apikey", "secret", "token", "password", "authorization", "credentials")
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^']|'')*'?|\$\{[^}]*\}?|[^\s,\[\]{}:#]+|\S")


def render(diagnostic: Diagnostic, source_text: str = "") -> str:
    """Several lines of plain text, without a newline at the end.

    ```text
    config.yaml:14:5: [H102] agents.helper.mdel: unknown key
      14 |     mdel: fast
         |     ^^^^ did you mean `model`? (one of: instructions, model, tools)
    ```

    What looks like a secret on that line, and what was read as one, is masked.

    Args:
        diagnostic: the problem.
        source_text: the text of its file; without it, or without a line, there is no excerpt.
    """
    head = str(attrs.evolve(diagnostic, hint=None))
    if diagnostic.severity == "warning":
        head = head.replace(f"[{diagnostic.code}]", f"[{diagnostic.code}] warning:", 1)
    line = _line(diagnostic, source_text)
    hint = diagnostic.hint or ""
    if line is None:
        return f"{head}\n  {hint}" if hint else head
    column = (diagnostic.column or 1) - 1
    if not line.strip() or column >= len(line):
        return f"{head}\n  {hint}" if hint else head
    token = _TOKEN.match(line, column)
    width = len(token[0]) if token else 1
    shown, column = _masked(line, column, diagnostic)
    width = max(1, min(width, len(shown) - column))
    shown, column, width = _clipped(shown, column, width)
    gutter = f"  {diagnostic.line} | "
    caret = f"{'| '.rjust(len(gutter))}{' ' * column}{'^' * width} {hint}"
    return f"{head}\n{gutter}{shown}\n{caret.rstrip()}"


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """The problem as a JSON object: the attributes of `Diagnostic` under their names."""
    return attrs.asdict(diagnostic)


def _line(diagnostic: Diagnostic, text: str) -> str | None:
    if diagnostic.line is None or not text:
        return None
    lines = text.removeprefix("\ufeff").split("\n")
    if diagnostic.line > len(lines):
        return None
    line = lines[diagnostic.line - 1].rstrip("\r")
    return "".join(" " if char == "\t" or not char.isprintable() else char for char in line)


def _masked(line: str, column: int, diagnostic: Diagnostic) -> tuple[str, int]:
    """The line without what may be a secret, and where the caret's column is in it."""
    if SECRET_EXPECTED in diagnostic.message:
        pair = _PAIR.search(line, column)
        return line[: pair.start("value") if pair else column] + _MASK, column
    is_flow = "{" in line or line.count(": ") > 1
    spans = [match.span() for match in _USER_INFO.finditer(line)]
    for match in _PAIR.finditer(line):
        if _REFERENCE.fullmatch(match["value"].strip()):
            continue
        is_asked = match.start() <= column < match.end()
        if _looks_secret(match["key"]) or (is_flow and not is_asked):
            spans.append(match.span("value"))
    # A list or map may nest: where it ends is not for a pattern to tell, so all that follows goes.
    opened = (match for match in _OPENED.finditer(line) if _looks_secret(match["key"]))
    spans += [(match.end(), len(line)) for match in opened]
    shown, place, end = "", column, 0
    for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start < end:  # inside of what is masked already
            continue
        shown += line[end:start] + _MASK
        if stop <= column:
            place -= stop - start - len(_MASK)
        elif start <= column:
            place = len(shown) - len(_MASK)
        end = stop
    return shown + line[end:], place


def _looks_secret(key: str) -> bool:
    lowered = key.strip("\"'").lower().replace("-", "_")
    if any(word in lowered for word in _SECRET_WORDS):
        return True
    return bool(difflib.get_close_matches(lowered, _SECRET_KEYS, n=1, cutoff=0.75))


def _clipped(line: str, column: int, width: int) -> tuple[str, int, int]:
    """A window of a very long line around the caret."""
    if len(line) <= _MAX_WIDTH:
        return line, column, width
    start = max(0, column - 40)
    end = start + _MAX_WIDTH
    prefix = "…" if start else ""
    suffix = "…" if end < len(line) else ""
    shown = f"{prefix}{line[start:end]}{suffix}"
    column = column - start + len(prefix)
    return shown, column, max(1, min(width, len(shown) - column))
