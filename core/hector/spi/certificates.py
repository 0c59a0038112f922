"""The certificates of the world's authorities, read once for all clients of a process."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeAlias

__all__ = ["shared_tls_context"]

_Source: TypeAlias = tuple[tuple[str, int], ...]

_lock = Lock()
_contexts: dict[Callable[[], ssl.SSLContext], tuple[_Source, ssl.SSLContext]] = {}


def shared_tls_context(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """What `make` gives, made anew only when the variables that name certificates, or their file, have changed.

    To read the certificates takes 40 ms of CPU and a megabyte, for each client that does it by itself. Nobody may
    change the context. May be called in any thread, and blocks while the certificates are read.

    Args:
        make: such as `httpx.create_ssl_context`, which looks at `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    """
    named = [os.environ.get(variable, "") for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
    source = tuple((place, _changed(place)) for place in named)
    with _lock:
        known = _contexts.get(make)
        if known is not None and known[0] == source:
            return known[1]
        made = make()
        _contexts[make] = (source, made)
        return made


def _changed(place: str) -> int:
    """When what is there was changed, in nanoseconds; 0 where nothing is named or there."""
    try:
        return Path(place).stat().st_mtime_ns if place else 0
    except OSError:
        return 0
