"""An address at which nobody answers, for providers that only ask when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["KEYS_TO_NOBODY", "NOBODY"]

NOBODY: Final = "127.0.0.1:9"
"""A host and a port of this machine where a connection is refused at once."""

KEYS_TO_NOBODY: Final[Mapping[str, SearchStrategy[Any] | None]] = {
    "max_retries": st.just(0),
    "headers": st.just({"x-team": "a"}),
    "proxy": st.none() | st.just(f"http://{NOBODY}"),
}
"""For `ProviderSuite.setups`: the keys of `hector.spi.ConnectionSettings` where nobody answers the next time either."""
