"""The admin token: how it is made, what is kept of it, and where it is found."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from hector.config.environment import read_environment

__all__ = [
    "ADMIN_TOKEN_VARIABLE",
    "admin_token_flaw",
    "find_admin_token",
    "hash_admin_token",
    "new_admin_token",
]

ADMIN_TOKEN_VARIABLE: Final = "HECTOR_ADMIN_TOKEN"  # noqa: S105 - a name
"""The variable that holds the token, in the environment or in a `.env` file."""

_MIN_LENGTH: Final = 32
_RANDOM_BYTES: Final = 32


def new_admin_token() -> str:
    """A token of 256 random bits: `hector_` and 43 characters that are safe in a header and in a URL."""
    import secrets  # not needed to read a config

    return f"hector_{secrets.token_urlsafe(_RANDOM_BYTES)}"


def hash_admin_token(token: str) -> str:
    """What `server.admin.token_hash` keeps: `sha256:` and 64 hex digits.

    A fast hash will do, as a token is random and long, unlike a password.
    """
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"


def admin_token_flaw(token: str) -> str:
    """Why a token must not be used, without the token itself; empty when it may."""
    if not all("!" <= char <= "~" for char in token):
        return "has characters that no HTTP header can carry: only visible ASCII ones can be used"
    if len(token) < _MIN_LENGTH:
        return f"has {len(token)} characters, which can be guessed: it needs at least {_MIN_LENGTH}"
    return ""


def find_admin_token(folder: Path) -> str:
    """The value of `HECTOR_ADMIN_TOKEN`, or empty.

    Args:
        folder: of the config, whose `.env` counts as it does for the config itself.
    """
    return read_environment(folder, None, []).variables.get(ADMIN_TOKEN_VARIABLE, "")
