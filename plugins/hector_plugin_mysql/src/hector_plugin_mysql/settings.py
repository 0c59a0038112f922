"""What users may write under `databases.<name>` with `driver: mysql`."""

from __future__ import annotations

from typing import Annotated

import attrs

from hector.spi import Doc, Duration, Env, Length, Range, Secret
from hector.spi.session_artifacts import DEFAULT_ARTIFACT_BYTES
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_stores.address import (
    Address,
    address_of,
    check_address,
    secrets_of,
    where_of,
)

__all__ = ["MySQLSettings"]

_PORT = 3306


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
    max_artifact_bytes: Annotated[
        int, Doc("the largest artifact that is taken, in bytes"), Range(minimum=1)
    ] = DEFAULT_ARTIFACT_BYTES
    blobs: Annotated[
        BlobSettings | None, Doc("where large artifacts go instead of the database")
    ] = None

    def __attrs_post_init__(self) -> None:
        """Refuse what no single key shows to be wrong, and keys that would have no effect."""
        check_address(
            self,
            schemes=("mysql", "mysql+asyncmy"),
            example="mysql://user:password@host:3306/database",
            keys=("host", "port", "database", "username"),
        )

    @property
    def address(self) -> Address:
        """Where to log in, and as whom."""
        return address_of(self, port=_PORT)

    @property
    def where(self) -> str:
        """The server and the database, as messages name them; without user and password."""
        return where_of(self, port=_PORT)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return secrets_of(self)
