"""What a model calls a server's tool.

MCP allows names of 1 to 128 characters of `A-Za-z0-9_.-`, and servers use more than that; models
take `[a-zA-Z0-9_-]{1,64}`.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["alias"]

_MAX_LENGTH = 64
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


def alias(name: str, prefix: str = "") -> str:
    """The name offered to a model for the server's tool `name`.

    A name that fits is kept. Any other is made to fit, with eight hex digits of its BLAKE2b hash at
    the end: the alias depends on nothing but the name, so it is the same after every restart and
    reload, and two names do not end as one.

    Args:
        name: as the server says it; may be empty.
        prefix: put before it; `[a-zA-Z0-9_-]{0,32}`.

    Returns:
        `[a-zA-Z0-9_-]{1,64}`.
    """
    whole = prefix + name
    if name and len(whole) <= _MAX_LENGTH and not _FORBIDDEN.search(name):
        return whole
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    room = _MAX_LENGTH - len(digest) - 1
    return f"{_FORBIDDEN.sub('_', whole)[:room]}-{digest}"
