"""What the tests of crashes share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share these modules
sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
