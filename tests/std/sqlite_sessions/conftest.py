"""What the tests share with those of other session stores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))  # the tests are no package
sys.path.insert(0, str(Path(__file__).parent))

from sqlite_stage import SqliteStage


@pytest.fixture
def stage() -> SqliteStage:
    """Stores over files."""
    return SqliteStage()
