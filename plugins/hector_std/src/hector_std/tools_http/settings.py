"""What the toolset `http` declares: its settings and its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import attrs

from hector.message import JSONValue
from hector.spi import (
    Doc,
    Duration,
    Length,
    Pattern,
    Range,
    Secret,
    SettingsRefusedError,
    ToolEffect,
)
from hector_std.tools_http.names import NAME

__all__ = ["HttpToolSettings", "HttpToolsSettings", "Method"]

Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

_EFFECTS: Mapping[Method, ToolEffect] = {
    "GET": "pure",
    "HEAD": "pure",
    "PUT": "idempotent",
    "DELETE": "idempotent",
}
"""What HTTP says of its methods (RFC 9110, 9.2); the others are unsafe."""

_BODY_METHODS = frozenset[Method]({"POST", "PUT", "PATCH"})


@attrs.frozen(kw_only=True)
class HttpToolSettings:
    """One tool of a toolset of type `http`.

    Raises:
        SettingsRefusedError: keys that do not go together, with all that is wrong.
    """

    description: Annotated[
        str, Length(1), Doc("what it does and when to use it; all that a model knows of it")
    ]
    method: Annotated[Method, Doc("method of the request")] = "GET"
    path: Annotated[
        str,
        Length(1),
        Doc(
            "path and query below `base_url`, such as `/orders/{order}?expand={expand}`; `{name}` stands"
            " for a parameter, encoded so that it stays in its place"
        ),
    ]
    parameters: Annotated[
        Mapping[Annotated[str, Pattern(NAME)], JSONValue],
        Doc("by name: JSON Schema of the parameter, or its type alone, such as `string`"),
    ] = attrs.field(factory=dict[str, JSONValue])
    optional: Annotated[
        tuple[str, ...],
        Doc("parameters that may be left out; so may those whose schema has a `default`"),
    ] = ()
    body: Annotated[
        JSONValue,
        Doc(
            "JSON body; a string that is `{name}` becomes that argument. When omitted, POST, PUT and PATCH"
            " send an object of the parameters that stand nowhere else"
        ),
    ] = None
    headers: Annotated[
        Mapping[str, Secret], Doc("headers of this request, beside those of the toolset")
    ] = attrs.field(factory=dict[str, Secret])
    effect: Annotated[
        ToolEffect | None,
        Doc(
            "what a second request with the same key does; when omitted, GET and HEAD are `pure`, PUT and"
            " DELETE `idempotent`, and others `unsafe`"
        ),
    ] = None
    lookup: Annotated[
        str | None,
        Doc(
            "path and query that tell what became of a request, with `{idempotency_key}` in it: asked with"
            " GET after a crash, 404 means that it was never done; makes the effect `lookup`"
        ),
    ] = None
    require_approval: Annotated[
        bool, Doc("whether a person has to approve every call; the toolset's own key wins")
    ] = False
    approval_prompt: Annotated[
        str, Doc("what the person is asked; `{name}` stands for an argument")
    ] = ""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be sent, all at once."""
        from hector_std.tools_http.refusals import tool_problems

        problems = tool_problems(self)
        if problems:
            raise SettingsRefusedError(problems)

    @property
    def optional_names(self) -> frozenset[str]:
        """The parameters that a call may leave out, and that no default stands in for."""
        return frozenset(self.optional) - {
            name
            for name, schema in self.parameters.items()
            if isinstance(schema, Mapping) and "default" in schema
        }

    @property
    def sends_rest(self) -> bool:
        """Whether the body is made of the parameters that stand nowhere else."""
        return self.body is None and self.method in _BODY_METHODS

    @property
    def declared_effect(self) -> ToolEffect:
        """What a second request with the same key does."""
        if self.effect is not None:
            return self.effect
        return "lookup" if self.lookup is not None else _EFFECTS.get(self.method, "unsafe")


@attrs.frozen(kw_only=True)
class HttpToolsSettings:
    """Keys of a toolset of type `http`.

    Raises:
        SettingsRefusedError: keys that do not go together, with all that is wrong.
    """

    base_url: Annotated[
        str,
        Length(1),
        Doc("address of the service, such as `https://shop.example.com/v2`; all requests go there"),
    ]
    tools: Annotated[
        Mapping[Annotated[str, Pattern(r"[a-zA-Z0-9_-]{1,64}")], HttpToolSettings],
        Length(1),
        Doc("by name, what models may ask for"),
    ]
    headers: Annotated[
        Mapping[str, Secret], Doc("headers of every request, such as Authorization")
    ] = attrs.field(factory=dict[str, Secret])
    query: Annotated[
        Mapping[str, Secret],
        Doc("names and values in the query of every request, for services that want a key there"),
    ] = attrs.field(factory=dict[str, Secret])
    idempotency_header: Annotated[
        str,
        Pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"),
        Doc("header with the key that is the same on every retry of a call that is not `pure`"),
    ] = "Idempotency-Key"
    quote_idempotency_key: Annotated[
        bool,
        Doc("send the key in quotes, as the draft of the IETF wants it and few services do"),
    ] = False
    allowed_networks: Annotated[
        tuple[Annotated[str, Length(1)], ...],
        Doc(
            "networks such as `10.0.0.0/8` where the service may be although they are not public; all else"
            " that is private, loopback, link-local or reserved is refused"
        ),
    ] = ()
    timeout: Annotated[
        float,
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
        Doc("how long one call may take, redirects included"),
    ] = 60.0
    max_response_bytes: Annotated[
        int, Range(minimum=1), Doc("most bytes of a reply that are read, after decompression")
    ] = 5_000_000
    max_output_length: Annotated[
        int,
        Range(minimum=1),
        Doc("characters of text or JSON that one call may give to the model; the rest is cut"),
    ] = 100_000

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be asked, all at once."""
        from hector_std.tools_http.refusals import toolset_problems

        problems = toolset_problems(self)
        if problems:
            raise SettingsRefusedError(problems)
