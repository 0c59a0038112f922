"""A plugin whose module imports what only its component needs."""

from __future__ import annotations

import numpy as np

__all__ = ["VERSION"]

VERSION = np.__version__
