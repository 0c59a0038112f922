"""TLS of HTTP tools: the certificate is that of the name, although a number is connected to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from http_stage import Service, call, opened, said

from hector.errors import ComponentOpenError, ToolError

NAME = "shop.example.com"


async def on_this_machine(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of a name that it has given itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    places = folder / f"{name}.crt", folder / f"{name}.key"
    places[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return places


@asynccontextmanager
async def secure(folder: Path, name: str) -> AsyncGenerator[tuple[str, list[str | None]]]:
    """A server with a certificate of a name: its address, and the names that clients asked for."""
    crt, key = certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, host, _context: asked.append(host)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://{NAME}:{server.sockets[0].getsockname()[1]}", asked


async def test_the_certificate_of_the_name_is_asked_for_and_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with secure(tmp_path, NAME) as (url, asked):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{NAME}.crt"))
        async with opened(Service(), base_url=url, resolve=on_this_machine, path="/") as tool:
            assert said(await call(tool)) == "ok"
    assert asked == [NAME]


@pytest.mark.parametrize(("name", "is_known"), [("other.example.com", True), (NAME, False)])
async def test_another_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_known: bool
) -> None:
    """That of another name, or one that nobody vouches for."""
    async with secure(tmp_path, name) as (url, _):
        if is_known:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{name}.crt"))
        async with opened(Service(), base_url=url, resolve=on_this_machine, path="/") as tool:
            with pytest.raises(ToolError, match=r"cannot be reached: .*certificate verify failed"):
                await call(tool)


async def test_certificates_that_cannot_be_read_are_told_when_the_toolset_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.crt"
    broken.write_text("nothing\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(broken))
    with pytest.raises(ComponentOpenError) as caught:
        async with opened(Service(), base_url=f"https://{NAME}", path="/"):
            pass
    assert caught.value.message.startswith("`tools.shop` cannot read the certificates")
    assert caught.value.hint == "correct SSL_CERT_FILE or SSL_CERT_DIR"
