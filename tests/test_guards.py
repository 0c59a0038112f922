"""The guards of tests/conftest.py hold."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest


def test_a_connection_beyond_this_machine_is_refused() -> None:
    with (
        socket.socket() as opened,
        pytest.raises(RuntimeError, match=r"192\.0\.2\.1.*loopback"),
    ):
        opened.connect(("192.0.2.1", 80))


def test_a_datagram_beyond_this_machine_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as opened,
        pytest.raises(RuntimeError, match="tests stay on the loopback"),
    ):
        opened.sendto(b"", ("192.0.2.1", 53))


def test_asking_for_the_address_of_another_machine_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"'example\.com': tests stay on the loopback"):
        socket.getaddrinfo("example.com", 443)


async def test_asyncio_is_refused_the_network_too() -> None:
    with pytest.raises(RuntimeError, match=r"'example\.com': tests stay on the loopback"):
        await asyncio.open_connection("example.com", 443)
    with pytest.raises(RuntimeError, match="tests stay on the loopback"):
        await asyncio.open_connection("192.0.2.1", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_loopback_is_open(host: str) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(host, port)
        said = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert said == b"here"


async def test_unix_sockets_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a short path: the system allows about a hundred characters
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), "socket"):
        reader, writer = await asyncio.open_unix_connection("socket")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert said == b""


def test_no_key_and_no_home_reaches_a_test(empty_home: str) -> None:
    assert [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))] == []
    assert str(Path.home()) == empty_home
    assert list(Path.home().iterdir()) == []
