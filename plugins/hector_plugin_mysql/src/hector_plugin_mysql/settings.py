"""What users may write under `databases.<name>` with `driver: postgres`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from hector.spi import Doc, Duration, Env, Length, Range, Secret

__all__ = ["Address", "MySQLSettings", "address_of"]

_SCHEMES = ("mysql", "mysql+asyncmy")


@attrs.frozen(kw_only=True)
class MySQLSettings:
    """One database of a MySQL or MariaDB server, which is Hector's alone."""

    url: Annotated[
        Secret | None,
        Doc("the whole address: mysql://user:password@host:3306/database"),
    ] = None
    host: Annotated[
        str | None,
        Doc("name or address of the server; default: localhost"),
        Length(minimum=1),
    ] = None
    port: Annotated[int | None, Doc("port of the server; 3306"), Range(1, 65535)] = None
    database: Annotated[str | None, Doc("name of the database; it exists"), Length(minimum=1)] = (
        None
    )
    username: Annotated[str | None, Doc("who logs in"), Length(minimum=1)] = None
    password: Annotated[
        Secret | None, Doc("the password of `username`"), Env("MYSQL_PWD"), Length(minimum=1)
    ] = None
    enable_tls: Annotated[bool, Doc("encrypt, and check the certificate of the server")] = False
    max_conns: Annotated[
        int, Doc("the most connections that this process opens"), Range(2, 1000)
    ] = 10
    timeout: Annotated[
        float,
        Doc("longest time to wait for a connection, or for the server's answer"),
        Duration(),
        Range(minimum=0, is_minimum_exclusive=True),
    ] = 30.0

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong, and keys that would have no effect."""
        if self.url is None:
            if self.database is None:
                raise ValueError("one of url and database is missing: say which database to use")
            return
        # The password is left out: the environment may hold one that is meant for another database.
        for key in ("host", "port", "database", "username"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} has no effect beside url: leave it out")
        parts = _split(self.url)
        if parts is None or parts.scheme not in _SCHEMES or not parts.path.strip("/"):
            # Not shown: it holds the password.
            raise ValueError(
                "url is no address of a database: write mysql://user:password@host:3306/database, "
                "with special characters of the password percent-encoded"
            )

    @property
    def where(self) -> str:
        """The server and the database, as messages name them; without user and password."""
        if self.url is not None:
            parts = _split(self.url)
            if parts is None:
                return "an unknown server"
            host, port = parts.hostname or "localhost", parts.port or 3306
            return f"{host}:{port}/{unquote(parts.path.strip('/'))}"
        return f"{self.host or 'localhost'}:{self.port or 3306}/{self.database}"

    @property
    def has_password_in_url(self) -> bool:
        """Whether `url` brings its own password."""
        parts = None if self.url is None else _split(self.url)
        return parts is not None and bool(parts.password)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        found = [] if self.password is None else [self.password.reveal()]
        parts = None if self.url is None else _split(self.url)
        if parts is not None and parts.password:
            found += [parts.password, unquote(parts.password)]
        if self.url is not None:
            found.append(self.url.reveal())
        return tuple(sorted(found, key=len, reverse=True))


def _split(url: Secret) -> SplitResult | None:
    try:
        parts = urlsplit(url.reveal())
        _ = parts.port  # raises if it is none
    except ValueError:
        return None
    return parts


@attrs.frozen
class Address:
    """Where to log in, and as whom."""

    host: str
    port: int
    database: str
    username: str
    password: str


def address_of(settings: MySQLSettings) -> Address:
    """The address, from `url` or from the keys."""
    password = "" if settings.password is None else settings.password.reveal()
    parts = None if settings.url is None else _split(settings.url)
    if parts is None:
        return Address(
            host=settings.host or "localhost",
            port=settings.port or 3306,
            database=settings.database or "",
            username=settings.username or "",
            password=password,
        )
    return Address(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        database=unquote(parts.path.strip("/")),
        username=unquote(parts.username or ""),
        password=unquote(parts.password) if parts.password else password,
    )
