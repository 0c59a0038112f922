"""What is wrong about the settings of HTTP tools, each problem with the keys that lead to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

from hector.errors import UsageError
from hector.message import JSONValue
from hector.spi import (
    ArgumentSchema,
    OutboundRules,
    Secret,
    SettingsProblem,
    ToolEffect,
    is_address,
)
from hector_std.tools_http.templates import PathTemplate, Template, body_places

__all__ = [
    "IDEMPOTENCY_KEY",
    "Parameters",
    "address_problems",
    "body_problems",
    "header_problems",
    "lookup_problems",
    "network_problems",
    "parameter_problems",
    "path_problems",
    "query_problems",
    "schema_of",
    "unused_problems",
]

Parameters = Mapping[str, JSONValue]
"""As the config has them: a JSON Schema or the name of a type, by name."""

IDEMPOTENCY_KEY = "idempotency_key"
"""The place that the key of a call goes to."""

_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110, 5.6.2
_HEADER_VALUE = r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?"  # RFC 9110, 5.5
_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
_QUERY_NAME = r"[A-Za-z0-9._~\[\]:$-]+"
_BASE_PATH = r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*"
_NESTED = frozenset({"array", "object", "null"})


def schema_of(parameter: JSONValue) -> dict[str, JSONValue]:
    """The JSON Schema of a parameter."""
    if isinstance(parameter, str):
        return {"type": parameter}
    return dict(parameter) if isinstance(parameter, Mapping) else {}


def parameter_problems(
    parameters: Parameters, optional: Collection[str]
) -> Iterator[SettingsProblem]:
    """Parameters that no model could be told of."""
    for name, parameter in parameters.items():
        if name == IDEMPOTENCY_KEY:
            yield SettingsProblem(
                ("parameters", name), "is the name of the key that Hector itself gives to a call"
            )
            continue
        hint = "write a type such as `string`, or a JSON Schema"
        if not isinstance(parameter, str | Mapping):
            yield SettingsProblem(("parameters", name), "is no JSON Schema of a parameter", hint)
            continue
        try:
            ArgumentSchema(schema_of(parameter))
        except UsageError as error:
            yield SettingsProblem(("parameters", name), error.message, hint)
    for name in optional:
        if name not in parameters:
            yield SettingsProblem(("optional",), f"names `{name}`, which is no parameter")


def path_problems(
    key: str, path: str, parameters: Parameters, optional: Collection[str]
) -> Iterator[SettingsProblem]:
    """A path that cannot be filled."""
    try:
        template = PathTemplate.parse(path)
    except ValueError as error:
        yield SettingsProblem((key,), str(error), "write it as `/orders/{order}?expand={expand}`")
        return
    in_path = template.path_names
    for name in in_path:
        if name in optional:
            message = f"has a place `{{{name}}}`, and the parameter may be left out"
            yield SettingsProblem((key,), message, "take it out of `optional`, or give a `default`")
    in_query = [name for value in template.query_values for name in value.names]
    whole = {value.only for value in template.query_values}
    for name in dict.fromkeys((*in_path, *in_query)):
        if name not in parameters:
            if name != IDEMPOTENCY_KEY:
                yield _unknown(key, name)
            continue
        types = schema_of(parameters[name]).get("type")
        wrong = {it for it in _NESTED if it in (types if isinstance(types, list) else [types])}
        if name in whole and name not in in_path:
            wrong -= {"array", "null"}
        if wrong:
            message = f"has a place `{{{name}}}`, and the parameter is of type {min(wrong)}"
            hint = (
                "a path and a query hold strings, numbers and booleans; a whole value may be a list"
            )
            yield SettingsProblem((key,), message, hint)


def lookup_problems(
    lookup: str | None,
    parameters: Parameters,
    optional: Collection[str],
    effect: ToolEffect | None,
) -> Iterator[SettingsProblem]:
    """A lookup that would not find a call, or an effect that needs one."""
    if lookup is None:
        if effect == "lookup":
            hint = "write the path that tells what became of a request"
            yield SettingsProblem(("effect",), "needs `lookup`", hint)
        return
    if effect not in (None, "lookup"):
        yield SettingsProblem(("effect",), f"is `{effect}`, and `lookup` has no effect then")
    yield from path_problems("lookup", lookup, parameters, optional)
    if f"{{{IDEMPOTENCY_KEY}}}" not in lookup:
        yield SettingsProblem(("lookup",), f"must hold `{{{IDEMPOTENCY_KEY}}}`")


def header_problems(
    headers: Mapping[str, Secret], parameters: Collection[str]
) -> Iterator[SettingsProblem]:
    """Headers that no request could carry; their values do not show."""
    for name, secret in headers.items():
        place = ("headers", name)
        if not re.fullmatch(_HEADER_NAME, name):
            yield SettingsProblem(place, "is no name of a header")
        elif name.lower() in _OWN_HEADERS:
            yield SettingsProblem(place, "is a header that belongs to the connection")
        if not re.fullmatch(_HEADER_VALUE, secret.reveal()):
            message = "must be printable ASCII without line breaks or spaces around it"
            yield SettingsProblem(place, message)
        elif set(Template.parse(secret.reveal()).names) & set(parameters):
            hint = "put it into `path` or `body`"
            yield SettingsProblem(place, "holds a parameter, which no header can", hint)


def query_problems(query: Mapping[str, Secret]) -> Iterator[SettingsProblem]:
    """Names that no query could hold."""
    for name in query:
        if not re.fullmatch(_QUERY_NAME, name):
            yield SettingsProblem(("query", name), "is no name for a query")


def body_problems(
    body: JSONValue, parameters: Parameters, method: str
) -> Iterator[SettingsProblem]:
    """A body that cannot be filled."""
    if body is None:
        return
    if method in ("GET", "HEAD"):
        yield SettingsProblem(("body",), f"has no effect with {method}")
    for keys, name in body_places(body):
        if name not in parameters and name != IDEMPOTENCY_KEY:
            yield _unknown("body", name, *keys)


def unused_problems(
    path: str, body: JSONValue, parameters: Parameters, *, sends_rest: bool
) -> Iterator[SettingsProblem]:
    """Parameters that go nowhere."""
    if sends_rest:
        return
    used = {*Template.parse(path).names, *(name for _, name in body_places(body))}
    for name in parameters:
        if name not in used and name != IDEMPOTENCY_KEY:
            hint = f"put `{{{name}}}` into `path` or `body`"
            yield SettingsProblem(("parameters", name), "is used nowhere", hint)


def network_problems(networks: Sequence[str]) -> Iterator[SettingsProblem]:
    """Networks that are none."""
    for network in networks:
        try:
            OutboundRules.of([network])
        except ValueError as error:
            yield SettingsProblem(("allowed_networks",), str(error))


def address_problems(url: str, networks: Sequence[str]) -> Iterator[SettingsProblem]:
    """An address that cannot be asked, or that is refused as it stands."""
    place = ("base_url",)
    hint = "write it as `https://shop.example.com/v2`"
    parts = urlsplit(url) if is_address(url) else None
    if parts is None or parts.scheme not in ("http", "https") or not url.isascii():
        yield SettingsProblem(place, "must be an http or https address", hint)
        return
    if parts.username is not None or parts.password is not None:
        yield SettingsProblem(place, "must not hold a user or password", "use `headers`")
    elif "?" in url or "#" in url:
        yield SettingsProblem(place, "must have no query and no fragment", "use `query` or `path`")
    elif not re.fullmatch(_BASE_PATH, parts.path) or {".", ".."} & set(parts.path.split("/")):
        yield SettingsProblem(place, "must have a path of steps that are percent-encoded", hint)
    try:
        rules = OutboundRules.of(networks)
    except ValueError:
        return  # told already
    if rules.refuses_host(cast("str", parts.hostname)):
        message = "is no public address"
        hint = "name its network in `allowed_networks` if it is meant, such as `127.0.0.0/8`"
        yield SettingsProblem(place, message, hint)


def _unknown(key: str, name: str, *keys: str) -> SettingsProblem:
    message = f"has a place `{{{name}}}`, and there is no such parameter"
    return SettingsProblem((key, *keys), message, "add it to `parameters`")
