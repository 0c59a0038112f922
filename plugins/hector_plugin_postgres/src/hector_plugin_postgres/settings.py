"""What users may write under `databases.<name>` with `driver: postgres`."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs

from hector.spi import Doc, Duration, Env, Length, Pattern, Range, Secret
from hector.spi.session_artifacts import DEFAULT_ARTIFACT_BYTES
from hector.spi.session_blob_settings import BlobSettings
from hector.spi.session_stores.address import address_of, check_address, secrets_of, where_of

__all__ = ["PostgresSettings", "SslMode"]

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_PORT = 5432


@attrs.frozen(kw_only=True)
class PostgresSettings:
    """One database of a PostgreSQL server, and the schema in it that is Hector's."""

    url: Annotated[
        Secret | None,
        Doc("the whole address: postgresql://user:password@host:5432/database"),
    ] = None
    host: Annotated[
        str | None,
        Doc("name or address of the server, or the folder of its socket; default: localhost"),
        Length(minimum=1),
    ] = None
    port: Annotated[int | None, Doc("port of the server; 5432"), Range(1, 65535)] = None
    database: Annotated[str | None, Doc("name of the database"), Length(minimum=1)] = None
    username: Annotated[str | None, Doc("who logs in"), Length(minimum=1)] = None
    password: Annotated[
        Secret | None, Doc("the password of `username`"), Env("PGPASSWORD"), Length(minimum=1)
    ] = None
    ssl_mode: Annotated[
        SslMode | None,
        Doc("whether to encrypt, as libpq's sslmode; default: prefer, verify-full is the safe one"),
    ] = None
    schema: Annotated[
        str,
        Doc("the schema of Hector's tables; made when missing"),
        Pattern("[a-z_][a-z0-9_]*"),
        Length(minimum=1, maximum=63),
    ] = "hector"
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
            schemes=("postgres", "postgresql"),
            example="postgresql://user:password@host:5432/database",
            keys=("host", "port", "database", "username", "ssl_mode"),
        )

    @property
    def where(self) -> str:
        """The server and the database, as messages name them; without user and password."""
        return where_of(self, port=_PORT)

    @property
    def has_password_in_url(self) -> bool:
        """Whether `url` brings its own password."""
        return address_of(self, port=_PORT).has_password

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return secrets_of(self)
