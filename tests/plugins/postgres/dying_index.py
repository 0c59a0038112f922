"""See `dying_keywords`. Arguments: the URL of a PostgreSQL server, and a schema for each life."""

from __future__ import annotations

import sys
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))

from dying_keywords import Fuse, lives

from hector.spi import Secret
from hector_plugin_postgres import PostgresSettings
from hector_plugin_postgres.store import PostgresSessions

if __name__ == "__main__":
    fuse = Fuse()
    methods = ("execute", "fetch", "fetchrow", "fetchval")
    fuse.watch(asyncpg.Connection, *methods)
    url = Secret(sys.argv[1])
    lives(fuse, [PostgresSessions(PostgresSettings(url=url, schema=name)) for name in sys.argv[2:]])
