"""Certificates are read once for all clients, and again when others are named or their file has changed."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hector.spi.certificates import shared_tls_context


class Maker:
    """Makes contexts, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> ssl.SSLContext:
        self.made += 1
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_all_clients_share_one_in_any_thread() -> None:
    make = Maker()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(shared_tls_context, [make] * 20))
    assert make.made == 1
    assert all(context is found[0] for context in found)


def test_each_maker_has_its_own() -> None:
    assert shared_tls_context(Maker()) is not shared_tls_context(Maker())


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_it_is_made_again_when_other_certificates_are_named_or_they_change(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload after the authorities of a company were changed sees them."""
    make = Maker()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    first = shared_tls_context(make)
    place = tmp_path / "authorities"
    monkeypatch.setenv(variable, str(place))
    missing = shared_tls_context(make)
    place.touch()
    there = shared_tls_context(make)
    os.utime(place, (1, 1))
    changed = shared_tls_context(make)

    assert make.made == len({id(it) for it in (first, missing, there, changed)}) == 4
    assert shared_tls_context(make) is changed


def test_an_error_is_told_and_not_kept() -> None:
    def fail() -> ssl.SSLContext:
        raise OSError("no")

    for _ in range(2):
        with pytest.raises(OSError, match=r"^no$"):
            shared_tls_context(fail)
