"""What is wrong with a config."""

from __future__ import annotations

from typing import Literal

import attrs

from hector.errors.root import HectorError

__all__ = ["ConfigError", "Diagnostic"]


@attrs.frozen(kw_only=True)
class Diagnostic:
    """One problem in a config.

    Attributes:
        code: `H101`…`H122`.
        path: where in the config, such as `agents.helper.llm` or `tools.files.roots[0]`; empty for the whole file.
        message: what is wrong, without place or hint.
        hint: what to do, or None.
        file: the file that holds it, or None when the config came from memory.
        line: 1-based line in `file`, or None (TOML and JSON have no positions below the syntax level).
        column: 1-based column in `file`, or None.
        severity: an `error` keeps the config from being used, a `warning` does not (unless `--strict`).
    """

    code: str
    path: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line:column: [code] path: message`, then the hint on a line of its own."""
        place = ":".join(
            str(part) for part in (self.file, self.line, self.column) if part is not None
        )
        head = f"{place}: " if place else ""
        where = f"{self.path}: " if self.path else ""
        text = f"{head}[{self.code}] {where}{self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigError(HectorError):
    """A config cannot be used. It carries every problem found, not only the first.

    Attributes:
        diagnostics: the problems in file order; at least one is an error.
    """

    code = "H100"

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        errors = sum(1 for item in diagnostics if item.severity == "error")
        noun = "problem" if errors == 1 else "problems"
        lines = "\n".join(str(item) for item in diagnostics)
        super().__init__(f"{errors} {noun} in the config\n{lines}")
        self.diagnostics = diagnostics
