"""The databases that crashes are tried on: a file, and a schema of a real PostgreSQL server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from postgres_server import running_postgres

__all__ = ["DATABASES", "DatabaseOf", "databases"]

DatabaseOf: TypeAlias = Callable[[Path], dict[str, Any]]
"""The entry under `databases` for what belongs to a folder."""

DATABASES = ("sqlite", "postgres")


@contextmanager
def databases(kind: str) -> Generator[DatabaseOf]:
    """Where to find the databases of a kind; the server runs while inside."""
    if kind == "sqlite":
        yield lambda folder: {"driver": "sqlite", "database": str(folder / "sessions.db")}
        return
    with running_postgres() as server:

        def of(folder: Path) -> dict[str, Any]:
            digest = hashlib.blake2b(str(folder).encode(), digest_size=12).hexdigest()
            return {
                "driver": "postgres",
                "url": server.url,
                "schema": f"h_{digest}",
                "max_conns": 4,
            }

        yield of
