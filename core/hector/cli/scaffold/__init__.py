"""What `hector plugins new` writes: a distribution that passes the conformance kit from the first minute."""

from __future__ import annotations

from hector.cli.scaffold.kinds import KIND_TEXTS, KindText
from hector.cli.scaffold.writing import ScaffoldName, render, scaffold_name, write_scaffold

__all__ = [
    "KIND_TEXTS",
    "KindText",
    "ScaffoldName",
    "render",
    "scaffold_name",
    "write_scaffold",
]
