"""What the tests of the kit share."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules


@pytest.fixture(autouse=True, scope="module")
def old_objects_are_left_alone() -> Generator[None]:
    """Laws that look for what is left behind collect garbage often; what was there before is none of theirs."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
