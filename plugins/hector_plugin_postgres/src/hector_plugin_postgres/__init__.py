"""PostgreSQL for Hector: sessions that several processes share.

This module is what the entry point names. It only declares; the driver is imported when a database
is opened.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_postgres.settings import PostgresSettings

__version__ = "0.1.0"

__all__ = ["PostgresSettings", "__version__", "hector_session_backends"]


@hookimpl
def hector_session_backends() -> tuple[Provider, ...]:
    """Offer `driver: postgres` under `databases`."""
    return (
        Provider(
            kind="session_backend",
            type="postgres",
            settings=PostgresSettings,
            create="hector_plugin_postgres.store:create",
            summary="Sessions in a PostgreSQL database, shared by any number of processes.",
        ),
    )
