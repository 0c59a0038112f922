"""How a settings class says more about a key than its type: markers for `typing.Annotated`.

```python
@attrs.frozen(kw_only=True)
class ChatSettings:
    model: Annotated[str, Doc("model name")] = "gpt-5.5"
    api_key: Annotated[Secret, Doc("key"), Env("OPENAI_API_KEY")]
    temperature: Annotated[float | None, Range(0, 2)] = None
    timeout: Annotated[float, Duration(), Range(minimum=0, is_minimum_exclusive=True)] = 60.0
    embedder: Annotated[str, Reference("embedder")] = "default"
```

The config room reads them: to structure and check a file, to order the build, to fill keys from the environment and
to publish a JSON Schema. A settings class must be a frozen attrs class; its module keeps the names used in its
annotations importable at run time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import NoReturn, TypeAlias

import attrs

__all__ = [
    "Advice",
    "Doc",
    "Duration",
    "Env",
    "Length",
    "Marker",
    "NotYet",
    "Pattern",
    "Range",
    "Reference",
    "Secret",
    "SettingsProblem",
    "SettingsRefusedError",
]


class Secret:
    """A string that never shows: not in repr, str, logs, traces, schema examples or the API.

    `reveal()` is the one way to read it. Equal secrets compare equal; `fingerprint()` changes when the value does.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; pass it straight to whoever needs it and keep no copy."""
        return self._value

    def fingerprint(self) -> str:
        """32 hex digits of BLAKE2b over the value: safe to compare, useless to read."""
        return hashlib.blake2b(
            self._value.encode(), digest_size=16, person=b"hector-secret"
        ).hexdigest()

    def __repr__(self) -> str:
        return "Secret('…')"

    def __str__(self) -> str:
        return "…"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would stand in the pickle as it is")


@attrs.frozen
class SettingsProblem:
    """One thing that is wrong about a settings class.

    Attributes:
        keys: lead from the instance to what is wrong: keys, and positions in lists, such as `("routes", 1, "path")`;
            empty for the whole.
        message: what is wrong; it shows no secret.
        hint: what to do next, or None.
    """

    keys: tuple[str | int, ...]
    message: str
    hint: str | None = None


class SettingsRefusedError(ValueError):
    """Raised by the `__attrs_post_init__` of a settings class: each problem is reported at its own place.

    Attributes:
        problems: at least one.
    """

    def __init__(self, problems: Iterable[SettingsProblem]) -> None:
        self.problems = tuple(problems)
        shown = (f"`{_path(it.keys)}` {it.message}".removeprefix("`` ") for it in self.problems)
        super().__init__("; ".join(shown))


def _path(keys: tuple[str | int, ...]) -> str:
    steps = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return "".join(steps).removeprefix(".")


@attrs.frozen
class Doc:
    """One line for people: in the schema, the reference pages and `hector schema`."""

    text: str


@attrs.frozen(init=False)
class Env:
    """When the key is absent, take the first of these environment variables that is set and not empty."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@attrs.frozen
class Range:
    """Bounds of a number. None means unbounded."""

    minimum: float | None = None
    maximum: float | None = None
    is_minimum_exclusive: bool = False


@attrs.frozen
class Length:
    """Bounds of the length of a string, list or map."""

    minimum: int = 0
    maximum: int | None = None


@attrs.frozen
class Pattern:
    """A string must match this regular expression from start to end."""

    regex: str


@attrs.frozen
class Advice:
    """What is doubtful about a string that is allowed: each doubt is a warning when the config is checked.

    Attributes:
        doubts: gives a message and a hint for each; it calls nobody and keeps nothing.
    """

    doubts: Callable[[str], Iterable[tuple[str, str]]]


@attrs.frozen
class Duration:
    """A number of seconds; the config may also say `500ms`, `30s`, `5m`, `2h` or `1d`."""


@attrs.frozen
class Reference:
    """The string (or each string of a list) names another component of the config.

    Attributes:
        kind: `llm`, `embedder`, `vector_store`, `toolset`, `document_store`, `agent` or `database`.
        is_all_when_omitted: None stands for every enabled component of the kind, in config order.
        allows_member: `name.member` picks one member, such as one tool of a toolset; only `name` is checked.
    """

    kind: str
    is_all_when_omitted: bool = False
    allows_member: bool = False


@attrs.frozen
class NotYet:
    """The key belongs to the language of the config but is not supported yet: giving it is an error."""

    reason: str


Marker: TypeAlias = Doc | Env | Range | Length | Pattern | Advice | Duration | Reference | NotYet
