"""Which addresses a component may connect to: public ones, and those that its config allows beside them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

import attrs

__all__ = ["Address", "Network", "OutboundRules", "is_public", "numeric_address"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is handed out to the public; whatever lies elsewhere has a meaning of its own."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""The last 32 bits are an IPv4 address that a gateway connects to (RFC 6052)."""

_NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # Azure's agent, which hands out secrets of the machine
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocols, Teredo among them, which holds an IPv4 address
    IPv6Network("2001:db8::/32"),  # examples
    IPv6Network("2002::/16"),  # 6to4, which holds an IPv4 address
    IPv6Network("3fff::/20"),  # examples
)
"""Besides what the standard library knows, and whatever its version knows."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public network.

    Loopback, private, link-local (the metadata services of clouds are there), shared, multicast and reserved
    addresses are not, nor those of IPv6 that hold such an IPv4 address.
    """
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None and address in _NAT64:
            mapped = IPv4Address(int(address) & 0xFFFF_FFFF)
        if mapped is not None:
            return is_public(mapped)
        if address.scope_id is not None or address not in _UNICAST:
            return False
    is_special = address.is_multicast or address.is_reserved or not address.is_global
    return not is_special and not _is_in(address, _NOT_PUBLIC)


def numeric_address(host: str) -> Address | None:
    """The address that a host in a URL is, in any form that a resolver understands; None: it is a name.

    `127.1`, `0x7f.0.0.1`, `0177.0.0.1` and `2130706433` are all one address, as is `[::ffff:7f00:1]`.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return ip_address(bare)
    except ValueError:
        pass
    if not bare.isascii() or any(sign.isspace() for sign in bare):
        return None
    import socket  # not at the top: every command imports this module, and few have a host to look at

    try:
        return IPv4Address(socket.inet_aton(bare))
    except OSError:
        return None


@attrs.frozen
class OutboundRules:
    """Which addresses may be connected to.

    Attributes:
        allowed: networks whose addresses may be, although they are not public.
    """

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> OutboundRules:
        """The rules for networks as a config writes them: `10.0.0.0/8`, or one address.

        Raises:
            ValueError: one of them is no network; the text says which and why.
        """
        return cls(tuple(ip_network(network) for network in networks))

    def permits(self, address: Address) -> bool:
        """Whether it may be connected to. An address that is mapped into IPv6 is taken for what it is."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        plain = address if mapped is None else mapped
        return is_public(plain) or _is_in(plain, self.allowed)

    def refuses_host(self, host: str) -> bool:
        """Whether a host of a URL is refused as it stands, without asking a resolver about it.

        A name is refused by its addresses when it is connected to; only `localhost` is known before (RFC 6761).
        """
        address = numeric_address(host)
        if address is not None:
            return not self.permits(address)
        name = host.lower().rstrip(".")
        if name != "localhost" and not name.endswith(".localhost"):
            return False
        return not any(self.permits(it) for it in (IPv4Address("127.0.0.1"), IPv6Address("::1")))


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == it.version and address in it for it in networks)
