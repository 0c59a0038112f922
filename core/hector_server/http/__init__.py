"""HTTP: the application, its pages and what stands before them."""

from __future__ import annotations

from hector_server.http.app import create_app

__all__ = ["create_app"]
