"""One module for each vendor: its SDK on canned replies, and what is measured on it."""

from __future__ import annotations
