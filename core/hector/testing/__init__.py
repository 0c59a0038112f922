"""What authors of plugins test with; needs `hector[testing]`."""

from __future__ import annotations

from hector.testing.session_suite import SessionsSuite

__all__ = ["SessionsSuite"]
