"""What the proofs of reload share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules

from reload_ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    """An empty ledger."""
    return Ledger()
