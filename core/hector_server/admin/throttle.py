"""How often a peer may present a wrong token."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

import attrs

__all__ = ["Throttle", "peer_group"]

OTHERS = "others"


@attrs.define
class _Allowance:
    left: float
    at: float


class Throttle:
    """Counts failures per peer: so many at once, then so many a minute.

    Memory is bounded: a peer that has its whole allowance back is forgotten, and peers beyond
    `max_peers` share one allowance.
    """

    def __init__(
        self,
        *,
        burst: int = 10,
        per_minute: float = 10.0,
        max_peers: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_s = per_minute / 60
        self._max_peers = max_peers
        self._clock = clock
        self._peers: dict[str, _Allowance] = {}

    @property
    def known_peers(self) -> int:
        """How many are remembered."""
        return len(self._peers)

    def wait_s(self, peer: str) -> float:
        """Seconds until `peer` may try again; 0 when it may now."""
        allowance = self._peers.get(self._key(peer))
        if allowance is None:
            return 0.0
        self._refill(allowance)
        return 0.0 if allowance.left >= 1 else (1 - allowance.left) / self._per_s

    def fail(self, peer: str) -> None:
        """Take one from what `peer` has left."""
        if peer not in self._peers and len(self._peers) >= self._max_peers:
            self._forget_idle()
        fresh = _Allowance(float(self._burst), self._clock())
        allowance = self._peers.setdefault(self._key(peer), fresh)
        self._refill(allowance)
        allowance.left = max(0.0, allowance.left - 1)

    def _key(self, peer: str) -> str:
        is_full = len(self._peers) >= self._max_peers
        return OTHERS if is_full and peer not in self._peers else peer

    def _refill(self, allowance: _Allowance) -> None:
        now = self._clock()
        allowance.left = min(self._burst, allowance.left + (now - allowance.at) * self._per_s)
        allowance.at = now

    def _forget_idle(self) -> None:
        for allowance in self._peers.values():
            self._refill(allowance)
        self._peers = {
            peer: allowance
            for peer, allowance in self._peers.items()
            if allowance.left < self._burst
        }


def peer_group(address: str) -> str:
    """Whom an address stands for: itself, or its /64 network for IPv6, which one machine has whole."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
