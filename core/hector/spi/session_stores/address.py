"""Settings that lead to a database server: by a URL, or by keys of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from hector.spi.settings import Secret

__all__ = ["Address", "AddressSettings", "address_of", "check_address", "secrets_of", "where_of"]


class AddressSettings(Protocol):
    """What the settings of a database server have, whatever else they have."""

    @property
    def url(self) -> Secret | None: ...
    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def database(self) -> str | None: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password(self) -> Secret | None: ...


@attrs.frozen
class Address:
    """Where to log in, and as whom.

    Attributes:
        has_password: whether the address itself brings the password, and not only a key beside it.
    """

    host: str
    port: int
    database: str
    username: str
    password: str = attrs.field(repr=False)
    has_password: bool


def check_address(
    settings: AddressSettings, *, schemes: Collection[str], example: str, keys: Sequence[str]
) -> None:
    """Refuse what no single key shows to be wrong, and keys that would have no effect.

    Args:
        settings: of the entry.
        schemes: what a URL may begin with.
        example: a URL, for the message.
        keys: those that have no effect beside a URL. Not the password: the environment may hold one that is meant
            for another database.

    Raises:
        ValueError: something is.
    """
    if settings.url is None:
        if settings.database is None:
            raise ValueError("one of url and database is missing: say which database to use")
        return
    for key in keys:
        if getattr(settings, key) is not None:
            raise ValueError(f"{key} has no effect beside url: leave it out")
    parts = _split(settings.url)
    if parts is None or parts.scheme not in schemes or not parts.path.strip("/"):
        # Not shown: it holds the password.
        raise ValueError(
            f"url is no address of a database: write {example}, "
            "with special characters of the password percent-encoded"
        )


def address_of(settings: AddressSettings, *, port: int) -> Address:
    """The address, from `url` or from the keys; `port` is the usual one of such a server."""
    password = "" if settings.password is None else settings.password.reveal()
    parts = None if settings.url is None else _split(settings.url)
    if parts is None:
        return Address(
            host=settings.host or "localhost",
            port=settings.port or port,
            database=settings.database or "",
            username=settings.username or "",
            password=password,
            has_password=False,
        )
    return Address(
        host=parts.hostname or "localhost",
        port=parts.port or port,
        database=unquote(parts.path.strip("/")),
        username=unquote(parts.username or ""),
        password=unquote(parts.password) if parts.password else password,
        has_password=bool(parts.password),
    )


def where_of(settings: AddressSettings, *, port: int) -> str:
    """The server and the database, as messages name them; without user and password."""
    if settings.url is not None and _split(settings.url) is None:
        return "an unknown server"
    address = address_of(settings, port=port)
    return f"{address.host}:{address.port}/{address.database}"


def secrets_of(settings: AddressSettings) -> tuple[str, ...]:
    """What no message may hold, the longest first."""
    found = [] if settings.password is None else [settings.password.reveal()]
    if settings.url is not None:
        parts = _split(settings.url)
        if parts is not None and parts.password:
            found += [parts.password, unquote(parts.password)]
        found.append(settings.url.reveal())
    return tuple(sorted(found, key=len, reverse=True))


def _split(url: Secret) -> SplitResult | None:
    try:
        parts = urlsplit(url.reveal())
        _ = parts.port  # raises if it is none
    except ValueError:
        return None
    return parts
