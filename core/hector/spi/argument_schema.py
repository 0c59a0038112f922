"""Arguments of a tool under its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

import attrs

from hector.errors import UsageError
from hector.message import JSONObject

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
        return f"`{self.path}`: {self.reason}" if self.path else self.reason


class ArgumentSchema:
    """A JSON Schema, ready to be applied.

    It is read as the draft that its `$schema` names, as 2020-12 without one. References lead to places inside it
    only: nothing is fetched. Patterns cannot hang: they are matched by an engine that gives up.

    Raises:
        UsageError: it is no JSON Schema, or refers to something outside; the text says what is wrong with it.
    """

    def __init__(self, schema: JSONObject) -> None:
        """Read the schema."""
        import jsonschema_rs  # a library in machine code, which most commands do not need

        outside: list[str] = []

        def refuse(uri: str) -> NoReturn:
            outside.append(uri)
            raise ValueError("nothing is fetched")

        try:
            validator: Any = jsonschema_rs.validator_for(_plain(schema), retriever=refuse)
        except (ValueError, TypeError, RecursionError) as error:
            told = f"it refers to `{outside[0]}`, outside of it" if outside else _told(error)
            raise UsageError(f"it is no JSON Schema: {_shortened(told)}") from error
        self._validator = validator

    def problems(self, arguments: JSONObject) -> Sequence[ArgumentProblem]:
        """All that does not fit, sorted by path, but at most 20; none if everything does."""
        problems: list[ArgumentProblem] = []
        try:
            for error in self._validator.iter_errors(_plain(arguments)):
                path = "".join(map(_step, error.instance_path)).removeprefix(".")
                problems.append(ArgumentProblem(path, _shortened(str(error.message))))
                if len(problems) == _MOST_PROBLEMS:
                    break
        except (ValueError, TypeError, RecursionError) as error:
            return [ArgumentProblem("", f"cannot be checked: {_shortened(_told(error))}")]
        return sorted(problems, key=lambda problem: problem.path)


def _plain(value: Any) -> Any:
    """The value in dicts and lists, which is all that the library takes."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {key: _plain(item) for key, item in entries.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value


def _step(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"


def _told(error: Exception) -> str:
    return str(getattr(error, "message", None) or error)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
