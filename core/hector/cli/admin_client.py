"""Asking a running server's admin API."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import click
import httpx

from hector.config import ADMIN_TOKEN_VARIABLE, admin_token_flaw, find_admin_token, read
from hector.config.source import FORMATS
from hector.errors import ConfigError, Diagnostic, ServerError, UsageError

__all__ = ["admin_url", "ask_plan"]

_CONNECT_S = 5.0
_ANSWER_S = 330.0
"""A little longer than `server.reload.timeout` is by default: a plan may wait for a reload to end."""


def admin_url(file: Path) -> str:
    """Where a server with this config is reached from this machine.

    Raises:
        ConfigError: the config cannot even be read.
        UsageError: it does not say which port.
    """
    server = read(file).root.entries.get("server")
    host: object = "127.0.0.1"
    port: object = 8080
    if server is not None:
        host = _value(server.entries.get("host"), host)
        port = _value(server.entries.get("port"), port)
    if isinstance(port, str) and port.isdigit():  # from a variable
        port = int(port)
    if not isinstance(host, str) or not isinstance(port, int) or port == 0:
        raise UsageError(
            f"{file} does not say which port its server has", hint="name its address with --url"
        )
    reached = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def _value(node: Any, default: object) -> object:
    return default if node is None or node.value is None else node.value


def ask_plan(url: str, file: Path) -> dict[str, Any]:
    """Let a server say what it would do with the text of a config.

    Args:
        url: of the server, without `/admin`.
        file: the config; the token is looked for in the environment and in the `.env` of its folder.

    Returns:
        The plan, as `hector.runtime.plan_json`.

    Raises:
        ConfigError: the server finds the config wrong; its problems name `file` where the server names its own.
        ServerError: it cannot be reached, or refuses.
    """
    token = find_admin_token(file.absolute().parent)
    if not token:
        raise ServerError(
            f"there is no admin token to ask {url} with",
            hint=f"set {ADMIN_TOKEN_VARIABLE}, or compare two files with --against",
        )
    if flaw := admin_token_flaw(token):
        raise ServerError(
            f"the admin token in {ADMIN_TOKEN_VARIABLE} {flaw}",
            hint="set it to the token that the server was started with",
        )
    form = FORMATS.get(file.suffix.lower())
    if form is None:
        raise ServerError(f"{file}: a config ends in .yaml, .yml, .toml or .json")
    _warn_of_plain_http(url)
    try:
        with _client(url, token) as client:
            running = _answer(client.get("config"), url, file, "")
            own = next(iter(running.get("files", ())), "")
            reply = client.post(
                "config/plan",
                content=file.read_bytes(),
                headers={"Content-Type": f"application/{form}"},
            )
            return _answer(reply, url, file, own)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerError(
            f"no server answers at {url}: {str(error) or type(error).__name__}",
            hint="start it with `hector serve`, or name its address with --url",
        ) from error


def _client(url: str, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{url.rstrip('/')}/admin/v1/",
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
        # Proxies of the environment are for the outside world; one would see the token, too.
        trust_env=not _is_loopback(url),
    )


def _answer(reply: httpx.Response, url: str, file: Path, own: str) -> dict[str, Any]:
    try:
        body: object = reply.json()
    except ValueError:
        body = None
    document = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    if reply.status_code == 200 and document:
        return document
    told = cast("dict[str, Any]", document.get("error") or {})
    if reply.status_code == 422 and document.get("problems"):
        raise ConfigError(tuple(_diagnostic(item, file, own) for item in document["problems"]))
    if reply.status_code == 401:
        raise ServerError(
            f"{url} refuses the admin token",
            hint=f"set {ADMIN_TOKEN_VARIABLE} to the token that the server was started with",
        )
    if reply.status_code == 404 and not told:
        raise ServerError(
            f"{url} has no admin API",
            hint=f"start the server with {ADMIN_TOKEN_VARIABLE} set; `hector token` makes a token",
        )
    code = f"[{told['code']}] " if told.get("code") else ""
    text = told.get("message") or "it gave no reason"
    raise ServerError(f"{url} answered {reply.status_code}: {code}{text}", hint=told.get("hint"))


def _diagnostic(item: dict[str, Any], file: Path, own: str) -> Diagnostic:
    """A problem as it came; the server's own config file is the local one here."""
    known = {key: item.get(key) for key in ("hint", "file", "line", "column")}
    if known["file"] in (own, None):
        known["file"] = str(file)
    return Diagnostic(
        code=str(item.get("code")),
        path=str(item.get("path") or ""),
        message=str(item.get("message")),
        severity="warning" if item.get("severity") == "warning" else "error",
        **known,
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _warn_of_plain_http(url: str) -> None:
    if urlsplit(url).scheme != "https" and not _is_loopback(url):
        click.echo(f"warning: the admin token goes to {url} over plain HTTP", err=True)
