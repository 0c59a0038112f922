"""What is wrong with connections to the outside."""

from __future__ import annotations

from hector.errors.root import HectorError

__all__ = ["AddressRefusedError"]


class AddressRefusedError(HectorError):
    """A host has no address that may be connected to; nothing was sent.

    The message names no address: it may be told to a model. The log of `hector.outbound` has them.

    Attributes:
        host: as the URL names it.
    """

    code = "H003"

    def __init__(self, host: str, *, hint: str | None = None) -> None:
        super().__init__(f"{host} has no public address, and is not connected to", hint=hint)
        self.host = host
