"""See `dying_keywords`. Arguments: the URL of a database for each life."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))

from dying_keywords import Fuse, lives

from hector.spi import Secret
from hector_plugin_mysql import MySQLSettings
from hector_plugin_mysql.pool import MySQLConnection
from hector_plugin_mysql.store import MySQLSessions

if __name__ == "__main__":
    fuse = Fuse()
    fuse.watch(MySQLConnection, "execute", "fetch", "insert")
    lives(fuse, [MySQLSessions(MySQLSettings(url=Secret(url))) for url in sys.argv[1:]])
