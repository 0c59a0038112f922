"""Arguments of a tool under its JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from hector.errors import UsageError
from hector.message import JSONObject
from hector.spi._schema import Judging, SchemaMistakeError, TooMuchError, compiled

__all__ = ["ArgumentProblem", "ArgumentSchema"]

_MOST_PROBLEMS = 20
_LONGEST_REASON = 300


@attrs.frozen
class ArgumentProblem:
    """What does not fit about one argument.

    Attributes:
        path: where, such as `items[2].name`; empty for the arguments as a whole.
        reason: what was expected and what came; at most 300 characters.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        if not self.path:
            return self.reason
        separator = " " if self.reason.startswith("is ") else ": "
        return f"`{self.path}`{separator}{self.reason}"


class ArgumentSchema:
    """A JSON Schema, ready to be applied.

    It is read as draft 2020-12, with what earlier drafts wrote otherwise. References lead to places inside it only:
    nothing is fetched. Judging is bounded, whatever the schema says: patterns have a deadline, and so has all of it.
    What is not understood (`format`, `unevaluatedProperties`, keywords of one's own) judges nothing.

    Raises:
        UsageError: it is no JSON Schema, or refers to something outside; the text says what is wrong with it.
    """

    def __init__(self, schema: JSONObject) -> None:
        """Read the schema."""
        try:
            self._check = compiled(schema)
        except SchemaMistakeError as error:
            raise UsageError(f"it is no JSON Schema: {_shortened(str(error))}") from error
        except RecursionError as error:
            raise UsageError("it is no JSON Schema: it is nested too deeply") from error

    def problems(self, arguments: JSONObject) -> Sequence[ArgumentProblem]:
        """All that does not fit, sorted by path, but at most 20; none if everything does."""
        judging = Judging()
        try:
            self._check(arguments, "", judging)
        except (RecursionError, TooMuchError):
            return [ArgumentProblem("", "cannot be checked: there is too much of it")]
        found = {
            ArgumentProblem(path.removeprefix("."), _shortened(reason))
            for path, reason in judging.problems
        }
        return sorted(found, key=lambda problem: (problem.path, problem.reason))[:_MOST_PROBLEMS]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
