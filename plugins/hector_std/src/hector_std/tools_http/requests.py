"""From the arguments of a call to a request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from urllib.parse import quote

import attrs

from hector.errors import ToolArgumentsError
from hector.message import JSONObject, JSONValue
from hector.spi import ArgumentSchema, ToolSpec
from hector_std.tools_http.checks import IDEMPOTENCY_KEY, schema_of
from hector_std.tools_http.settings import HttpToolSettings, HttpToolsSettings
from hector_std.tools_http.templates import PathTemplate, body_places, fill_body

__all__ = ["Outgoing", "RequestMaker", "key_on_the_wire"]

LONGEST_ADDRESS = 16_000
"""Characters of an address; servers refuse shorter ones."""

_KEY = re.compile(r"[A-Za-z0-9._~:@-]{1,255}")


def key_on_the_wire(key: str) -> str:
    """The idempotency key as services take it: itself, or its SHA-256 where it is long or has odd signs.

    A key is made of ids, among them what a model calls its call, which may be anything.
    """
    return key if _KEY.fullmatch(key) else hashlib.sha256(key.encode(errors="replace")).hexdigest()


@attrs.frozen
class Outgoing:
    """A request, ready to be sent.

    Attributes:
        url: with everything encoded, and without what is secret: the HTTP client logs it.
        secret_query: to be added to the query of `url`; empty for nothing.
        headers: it may hold secrets.
        content: the body, or None.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    content: bytes | None = attrs.field(default=None, repr=False)
    secret_query: str = attrs.field(default="", repr=False)


class RequestMaker:
    """Makes the requests of one tool."""

    def __init__(self, name: str, tool: HttpToolSettings, shared: HttpToolsSettings) -> None:
        """Read the templates of the tool `name`, which was checked when its settings were."""
        self._name = name
        self._tool = tool
        self._shared = shared
        self._path = PathTemplate.parse(tool.path)
        self._lookup = None if tool.lookup is None else PathTemplate.parse(tool.lookup)
        self._base = shared.base_url.rstrip("/")
        self._query = "&".join(
            f"{name}={quote(value.reveal(), safe='')}" for name, value in shared.query.items()
        )
        placed = {*self._path.path_names, *(_query_names(self._path))}
        placed |= {place for _, place in body_places(tool.body)}
        self._rest = [it for it in tool.parameters if tool.sends_rest and it not in placed]
        schemas = {name: schema_of(it) for name, it in tool.parameters.items()}
        self._defaults = {name: it["default"] for name, it in schemas.items() if "default" in it}
        self._schema = _parameters(tool, schemas, self._defaults)
        self._checked = ArgumentSchema(self._schema)

    def spec(self) -> ToolSpec:
        """What models and the runtime are told of the tool."""
        return ToolSpec(
            name=self._name,
            description=self._tool.description,
            parameters=self._schema,
            effect=self._tool.declared_effect,
            # Longer than the request may take, so that the model gets to see what became of it.
            timeout_s=self._shared.timeout + 5.0,
            needs_approval=self._tool.require_approval,
            approval_prompt=self._tool.approval_prompt,
        )

    def request(self, arguments: JSONObject, key: str) -> Outgoing:
        """The request of a call.

        Args:
            arguments: as the model gave them.
            key: the idempotency key of the call.

        Raises:
            ToolArgumentsError: they do not fit; every problem is named.
        """
        known = self._read(arguments, key)
        body = fill_body(self._tool.body, known)
        if self._tool.sends_rest:
            body = {name: known[name] for name in self._rest if name in known}
        content = None if body is None else self._written(body)
        headers = self._headers(content)
        if self._tool.declared_effect != "pure":
            sent = known[IDEMPOTENCY_KEY]
            quoted = self._shared.quote_idempotency_key
            headers[self._shared.idempotency_header] = f'"{sent}"' if quoted else str(sent)
        url = self._url(self._path, known)
        return Outgoing(self._tool.method, url, headers, content, self._query)

    def lookup(self, arguments: JSONObject, key: str) -> Outgoing:
        """The request that tells what became of a call; only for tools that have a `lookup`.

        Raises:
            ToolArgumentsError: the arguments do not fit.
        """
        path = self._lookup or self._path
        url = self._url(path, self._read(arguments, key))
        return Outgoing("GET", url, self._headers(None), secret_query=self._query)

    def _read(self, arguments: JSONObject, key: str) -> dict[str, JSONValue]:
        """The arguments with the defaults of those that are not there, and the key."""
        problems = self._checked.problems(arguments)
        if problems:
            told = "; ".join(f"argument {it}" if it.path else str(it) for it in problems)
            raise ToolArgumentsError(f"`{self._name}` was not called. {told}")
        return {**self._defaults, **arguments, IDEMPOTENCY_KEY: key_on_the_wire(key)}

    def _url(self, path: PathTemplate, arguments: Mapping[str, JSONValue]) -> str:
        filled = path.fill(arguments)
        if len(self._base) + len(filled) + len(self._query) >= LONGEST_ADDRESS:
            raise ToolArgumentsError(
                f"`{self._name}` was not called: its arguments make the address longer than"
                f" {LONGEST_ADDRESS:,} characters"
            )
        return self._base + filled

    def _headers(self, content: bytes | None) -> dict[str, str]:
        given = {"Accept": "application/json, text/*;q=0.9, */*;q=0.5"}
        if content is not None:
            given["Content-Type"] = "application/json"
        for name, secret in (*self._shared.headers.items(), *self._tool.headers.items()):
            given = {it: value for it, value in given.items() if it.lower() != name.lower()}
            given[name] = secret.reveal()
        return given

    def _written(self, body: JSONValue) -> bytes:
        try:
            return json.dumps(body, allow_nan=False).encode()
        except ValueError as error:
            raise ToolArgumentsError(
                f"`{self._name}` was not called: its arguments hold a number that JSON has no word for"
            ) from error


def _query_names(path: PathTemplate) -> list[str]:
    return [name for value in path.query_values for name in value.names]


def _parameters(
    tool: HttpToolSettings,
    schemas: Mapping[str, dict[str, JSONValue]],
    defaults: Mapping[str, JSONValue],
) -> dict[str, JSONValue]:
    required: list[JSONValue] = [
        name for name in schemas if name not in tool.optional and name not in defaults
    ]
    schema: dict[str, JSONValue] = {
        "type": "object",
        "properties": dict(schemas),
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema
