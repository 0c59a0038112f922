"""Configs and orders in the body of a request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from starlette.requests import Request

from hector import ConfigText
from hector_server.admin.replies import RequestRefusedError
from hector_server.http.body import BodyTimeoutError, BodyTooLargeError, read_body
from hector_server.options import ServerOptions
from hector_server.wire.json_text import JSONTextError, read_json

__all__ = ["read_config", "read_generation"]

Format = Literal["yaml", "toml", "json"]

FORMATS: Mapping[str, Format] = {
    "application/yaml": "yaml",
    "application/toml": "toml",
    "application/json": "json",
}


async def read_config(
    request: Request, options: ServerOptions, *, file: Path | None
) -> ConfigText | None:
    """The config in the body, or None when the body is empty.

    Args:
        request: with one of the content types of `FORMATS`.
        options: with the limits.
        file: the config file that it stands in for.

    Raises:
        RequestRefusedError: it is too long (413), too slow (408), of another type (415), or no UTF-8 (400).
        ClientGoneError: it never came whole.
    """
    body = await _read(request, options)
    if not body:
        return None
    form = _format(request)
    if form is None:
        wanted = ", ".join(f"`{name}`" for name in FORMATS)
        raise RequestRefusedError(
            415,
            "the body has no type that a config has",
            f"set `Content-Type` to one of {wanted}, in UTF-8",
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestRefusedError(400, f"the body is not UTF-8: see byte {error.start}") from error
    return ConfigText(text=text, format=form, file=file)


async def read_generation(request: Request, options: ServerOptions) -> int | None:
    """The number in `{"generation": number}`, or None when the body is empty or names none.

    Raises:
        RequestRefusedError: as `read_config`, and for any other JSON (400).
        ClientGoneError: it never came whole.
    """
    body = await _read(request, options)
    if not body:
        return None
    if _format(request) != "json":
        raise RequestRefusedError(
            415, "this request takes JSON", "set `Content-Type: application/json`"
        )
    try:
        value = read_json(body)
    except JSONTextError as error:
        raise RequestRefusedError(400, f"the body is not JSON: {error}") from error
    wanted = cast("dict[str, object]", value) if isinstance(value, dict) else {"": None}
    generation = wanted.get("generation")
    if wanted.keys() - {"generation"} or not (generation is None or type(generation) is int):
        raise RequestRefusedError(400, 'the body may be empty or `{"generation": <number>}`')
    return generation


async def _read(request: Request, options: ServerOptions) -> bytes:
    try:
        return await read_body(
            request.receive,
            declared=request.headers.get("content-length", ""),
            limit=options.max_config_bytes,
            timeout_s=options.body_timeout_s,
        )
    except BodyTooLargeError as error:
        text = f"the config is longer than {options.max_config_bytes} bytes"
        raise RequestRefusedError(413, text, "split it with `extends`", is_last=True) from error
    except BodyTimeoutError as error:
        text = f"the request took longer than {options.body_timeout_s:g} s to arrive"
        raise RequestRefusedError(408, text, is_last=True) from error


def _format(request: Request) -> Format | None:
    """By the content type; None when it is no config's, or not in UTF-8."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    form = FORMATS.get(kind.strip().lower())
    name, _, charset = parameters.strip().partition("=")
    is_utf8 = name.strip().lower() != "charset" or charset.strip(' "').lower() in ("utf-8", "utf8")
    return form if is_utf8 else None
