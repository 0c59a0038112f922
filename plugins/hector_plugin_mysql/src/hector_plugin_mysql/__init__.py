"""MySQL for Hector: sessions that several processes share.

This module is what the entry point names. It only declares; the driver is imported when a database
is opened.
"""

from __future__ import annotations

from hector.plugin import hookimpl
from hector.spi import Provider
from hector_plugin_mysql.settings import MySQLSettings

__version__ = "0.1.0"

__all__ = ["MySQLSettings", "__version__", "hector_session_backends"]


@hookimpl
def hector_session_backends() -> tuple[Provider, ...]:
    """Offer `driver: mysql` under `databases`."""
    return (
        Provider(
            kind="session_backend",
            type="mysql",
            settings=MySQLSettings,
            create="hector_plugin_mysql.store:create",
            summary="Sessions in a MySQL database, shared by any number of processes.",
        ),
    )
