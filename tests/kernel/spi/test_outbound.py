"""Nothing but public addresses is connected to, unless it was allowed, and to what was checked."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hector.errors import AddressRefusedError
from hector.spi import OutboundRules, is_public, numeric_address
from hector.spi.outbound_client import GuardedTransport

SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
]  # fmt: skip
SPECIAL_V6 = [
    "::/128", "::1/128", "::/96", "100::/64", "64:ff9b:1::/48", "2001::/32", "2001:db8::/32",
    "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"]

special_v4 = st.sampled_from(SPECIAL).flatmap(
    lambda network: st.ip_addresses(v=4, network=network).map(lambda it: IPv4Address(int(it)))
)
special_v6 = st.sampled_from(SPECIAL_V6).flatmap(
    lambda network: st.ip_addresses(v=6, network=network).map(lambda it: IPv6Address(int(it)))
)


@st.composite
def written_v4(draw: st.DrawFn, addresses: st.SearchStrategy[IPv4Address] = special_v4) -> str:
    """An IPv4 address in any form in which a resolver takes it."""
    number = int(draw(addresses))
    count = draw(st.integers(1, 4))  # parts; the last one holds what is left
    parts = [(number >> (24 - 8 * at)) & 0xFF for at in range(count - 1)]
    parts.append(number & ((1 << (8 * (5 - count))) - 1))
    forms = st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}", "0x00{:x}"])
    return ".".join(draw(forms).format(part) for part in parts)


@st.composite
def written_v6(draw: st.DrawFn) -> str:
    """A special address in a form of IPv6: itself, in brackets, exploded, or an IPv4 address inside of it."""
    inner = int(draw(special_v4))
    address = draw(
        st.one_of(
            special_v6,
            st.just(IPv6Address((0xFFFF << 32) | inner)),  # mapped
            st.just(IPv6Address(inner)),  # compatible
            st.just(IPv6Address(int(IPv6Address("64:ff9b::")) | inner)),  # NAT64
            st.just(IPv6Address(int(IPv6Address("2002::")) | (inner << 80))),  # 6to4
        )
    )
    text = draw(st.sampled_from([str(address), address.exploded, str(address).upper()]))
    return draw(st.sampled_from(["{}", "[{}]"])).format(text)


@given(written_v4() | written_v6())
def test_any_form_of_a_special_address_is_refused(host: str) -> None:
    """Loopback, private, link-local, shared, reserved, multicast, metadata: however it is written."""
    address = numeric_address(host)
    assert address is not None
    assert not is_public(address)
    assert not OutboundRules().permits(address)
    assert OutboundRules().refuses_host(host)


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_never_public(address: IPv4Address) -> None:
    mapped = IPv6Address((0xFFFF << 32) | int(address))
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address)
    assert is_public(mapped) == is_public(address)


@given(st.ip_addresses(v=6))
def test_no_address_outside_of_the_public_part_of_ipv6_is_public(address: IPv6Address) -> None:
    if int(address) >> 125 != 1 and address.ipv4_mapped is None:
        is_gateway = address in ipaddress.ip_network("64:ff9b::/96")
        assert not is_public(address) or is_gateway


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_public_in_any_form(text: str) -> None:
    address = numeric_address(text)
    assert address is not None
    assert is_public(address)
    assert not OutboundRules().refuses_host(text)
    if isinstance(address, IPv4Address):
        assert is_public(IPv6Address(f"::ffff:{address}"))
        assert is_public(IPv6Address(f"64:ff9b::{address}"))


@pytest.mark.parametrize("host", ["example.com", "a.b", "0xg", "1.2.3.4.5", "256.1.1.1", "", "-"])
def test_a_name_is_no_address(host: str) -> None:
    assert numeric_address(host) is None
    assert not OutboundRules().refuses_host(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "db.localhost", "fe80::1%eth0"])
def test_this_machine_is_refused_by_its_name(host: str) -> None:
    assert OutboundRules().refuses_host(host)


@given(special_v4 | special_v6)
def test_a_network_that_is_allowed_allows_what_lies_in_it_and_nothing_else(
    address: IPv4Address | IPv6Address,
) -> None:
    """Also where the address is mapped into IPv6."""
    one = OutboundRules.of([str(address)])
    assert one.permits(address)
    neighbour = type(address)(int(address) ^ 1)
    assert one.permits(neighbour) == is_public(neighbour)
    if isinstance(address, IPv4Address):
        assert one.permits(IPv6Address(f"::ffff:{address}"))
        assert OutboundRules.of(["::/0"]).permits(address) == is_public(address)


def test_rules_say_which_network_is_none() -> None:
    assert OutboundRules.of(["10.0.0.0/8", "::1"]).allowed == (
        IPv4Network("10.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    with pytest.raises(ValueError, match="'example' does not appear to be an IPv4 or IPv6 network"):
        OutboundRules.of(["10.0.0.0/8", "example"])


# ------------------------------------------------------------------------------- connections

Names = Callable[[str, int], Awaitable[Sequence[str]]]


def names(*answers: Sequence[str]) -> Names:
    """A resolver that gives one answer after the other, and the last one for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def listening(hosts: list[bytes]) -> AsyncGenerator[int]:
    """A server on the loopback that notes the `Host` of each request and closes; gives its port."""
    done: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = asyncio.Event()
        done.append(over)
        head = await reader.readuntil(b"\r\n\r\n")
        hosts.append(next(it for it in head.split(b"\r\n") if it.lower().startswith(b"host:")))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for over in done:
            await over.wait()


def client(resolve: Names, *allowed: str) -> httpx.AsyncClient:
    rules = OutboundRules.of(allowed)
    return httpx.AsyncClient(transport=GuardedTransport(rules, resolve=resolve), trust_env=False)


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.7", "169.254.169.254"], ["::1"], ["::ffff:7f00:1"], ["fe80::1%lo"]],
)
async def test_a_name_with_addresses_that_are_not_public_is_refused(
    found: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the addresses, the error has none."""
    hosts: list[bytes] = []
    async with listening(hosts) as port, client(names(found)) as asking:
        with pytest.raises(AddressRefusedError) as caught:
            await asking.get(f"http://shop.example.com:{port}/")
    assert hosts == []
    assert caught.value.message == (
        "shop.example.com has no public address, and is not connected to"
    )
    (line,) = caplog.messages
    assert all(address in line for address in found)


async def test_what_was_checked_is_connected_to_and_the_name_is_asked_for_once() -> None:
    """A resolver that says something else the next time has no second word about the connection."""
    hosts: list[bytes] = []
    turning = names(["127.0.0.1"], ["169.254.169.254"])
    async with listening(hosts) as port, client(turning, "127.0.0.1") as asking:
        reply = await asking.get(f"http://shop.example.com:{port}/")
        assert reply.text == "ok"
        with pytest.raises(AddressRefusedError):  # a new connection is checked anew
            await asking.get(f"http://shop.example.com:{port}/")
    assert hosts == [f"Host: shop.example.com:{port}".encode()]


async def test_of_several_addresses_those_that_are_permitted_are_tried_in_turn() -> None:
    """The first of them has nobody who listens."""
    hosts: list[bytes] = []
    found = ["10.0.0.7", "::1", "127.0.0.1"]
    async with listening(hosts) as port, client(names(found), "127.0.0.0/8", "::1") as asking:
        assert (await asking.get(f"http://shop.example.com:{port}/")).text == "ok"
    assert len(hosts) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:7f00:1]"]
)
async def test_a_number_is_checked_without_a_resolver(host: str) -> None:
    async def none(_host: str, _port: int) -> Sequence[str]:
        raise AssertionError("asked")

    async with client(none) as asking:
        with pytest.raises(AddressRefusedError):
            await asking.get(f"http://{host}:9/")


async def test_a_name_that_is_not_known_cannot_be_reached() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    async with client(unknown) as asking:
        with pytest.raises(httpx.ConnectError, match=r"the address of a\.example was not found"):
            await asking.get("http://a.example/")
    async with client(names([])) as asking:
        with pytest.raises(httpx.ConnectError, match=r"a\.example has no address"):
            await asking.get("http://a.example/")


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with client(hang) as asking:
        with pytest.raises(httpx.ConnectTimeout, match="was not found in time"):
            await asking.get("http://a.example/", timeout=0.05)


async def test_what_is_refused_holds_no_connection() -> None:
    """A pool of one serves as before."""
    hosts: list[bytes] = []
    found = names(*[["10.0.0.7"]] * 5, ["127.0.0.1"])
    transport = GuardedTransport(OutboundRules.of(["127.0.0.1"]), max_connections=1, resolve=found)
    async with listening(hosts) as port, httpx.AsyncClient(transport=transport) as asking:
        for _ in range(5):
            with pytest.raises(AddressRefusedError):
                await asking.get(f"http://a.example:{port}/", timeout=5)
        assert (await asking.get(f"http://a.example:{port}/", timeout=5)).text == "ok"
