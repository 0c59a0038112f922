"""Who gets into the admin API, and what the others learn."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from admin_stage import TOKEN, administered, bearer, options
from server_stage import Stage, calling, serving, text_agent

PATHS = [
    ("GET", "config"),
    ("POST", "config/check"),
    ("POST", "config/plan"),
    ("POST", "config/apply"),
    ("POST", "config/rollback"),
    ("GET", "generations"),
]
WRONG = "hector_this-token-is-wrong-0123456789-0123456789"


async def test_without_a_token_there_is_nothing() -> None:
    """Just as for any other path that is unknown."""
    async with calling(Stage(text_agent("A"))) as http:
        unknown = await http.get("/nothing/at/all")
        for method, path in [*PATHS, ("GET", "")]:
            answer = await http.request(method, f"/admin/v1/{path}", headers=bearer())
            assert (answer.status_code, answer.text) == (404, unknown.text)
            assert answer.headers.keys() == unknown.headers.keys()


def test_without_a_token_its_code_is_not_loaded() -> None:
    script = """
import sys
from server_stage import Stage
from hector_server import ServerOptions, create_app
create_app(Stage())
assert "hector_server.admin" not in sys.modules
create_app(Stage(), options=ServerOptions(admin_token_hash="sha256:" + 64 * "0"))
assert "hector_server.admin" not in sys.modules
"""
    folder = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=20)


async def test_a_host_that_cannot_reload_has_no_admin_api(caplog: pytest.LogCaptureFixture) -> None:
    async with calling(Stage(text_agent("A")), options()) as http:
        answer = await http.get("/admin/v1/config", headers=bearer())

    assert answer.status_code == 404
    assert "there is an admin token, but what is served cannot be reloaded" in caplog.messages


async def test_every_wrong_credential_gets_the_same_answer(tmp_path: Path) -> None:
    given: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", f"Bearer {WRONG}")],
        [("Authorization", f"Bearer {TOKEN[:-1]}")],
        [("Authorization", "Bearer")],
        [("Authorization", TOKEN)],
        [("Authorization", f"Basic {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
    ]
    async with administered(tmp_path) as server:
        answers = [
            await server.http.get("/admin/v1/config", headers=httpx.Headers(headers))
            for headers in given
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json() == {
        "error": {
            "status": 401,
            "code": None,
            "message": "the admin API needs the admin token",
            "hint": "send it with the header `Authorization: Bearer <token>`",
        }
    }
    for answer in answers:
        assert answer.headers["www-authenticate"] == 'Bearer realm="hector admin"'
        assert answer.headers["cache-control"] == "no-store"


async def test_nothing_is_told_of_paths_and_methods_without_the_token(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        answers = [
            await server.http.request(method, f"/admin/v1/{path}")
            for method, path in [
                *PATHS,
                ("GET", "nothing"),
                ("OPTIONS", "config"),
                ("PUT", "config"),
            ]
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_the_scheme_is_written_as_one_likes(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        headers = {"Authorization": f"bEARER   {TOKEN}"}
        answer = await server.http.get("/admin/v1/config", headers=headers)

    assert answer.status_code == 200


async def test_unknown_paths_and_methods_are_answered_in_json(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        missing = await server.get("nothing")
        slash = await server.get("config/")
        wrong = await server.http.put("/admin/v1/config", headers=bearer())
        preflight = await server.http.options("/admin/v1/config", headers=bearer())
        misspelt = await server.post("config/apply?persists=true")

    assert (missing.status_code, missing.json()["error"]["message"]) == (
        404,
        "there is nothing here",
    )
    assert slash.status_code == 404
    assert (wrong.status_code, sorted(wrong.headers["allow"].split(", "))) == (405, ["GET", "HEAD"])
    assert preflight.status_code == 405
    assert misspelt.status_code == 400
    assert misspelt.json()["error"]["message"] == "there is no parameter `persists` here"
    for answer in (missing, slash, wrong, preflight, misspelt):
        assert answer.headers["cache-control"] == "no-store"
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1:1", 403),
        ("http://[", 403),
        ("{own}", 200),
        ("https://agents.example.com", 200),
    ],
)
async def test_pages_of_other_sites_are_refused_even_with_the_token(
    tmp_path: Path, origin: str, status: int
) -> None:
    async with administered(tmp_path, public_url="https://agents.example.com/x") as server:
        own = str(server.http.base_url).rstrip("/")
        headers = {**bearer(), "Origin": origin.format(own=own)}
        answer = await server.http.get("/admin/v1/config", headers=headers)

    assert answer.status_code == status
    assert not any(name.startswith("access-control") for name in answer.headers)


async def test_wrong_tokens_are_limited_and_logged_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with administered(tmp_path) as server:
        for _ in range(30):  # no attempt is counted that presents no token
            await server.http.get("/admin/v1/config")
        with caplog.at_level(logging.DEBUG):
            answers = [
                await server.http.get("/admin/v1/config", headers=bearer(WRONG)) for _ in range(12)
            ]
            right = await server.get("config")

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
    assert right.status_code == 429
    warnings = [item for item in caplog.messages if "token" in item]
    assert warnings == ["wrong admin token from 127.0.0.1"] * 10
    assert WRONG not in caplog.text
    assert TOKEN not in caplog.text


async def test_no_body_is_read_before_the_token_was_right(tmp_path: Path) -> None:
    """The answer comes although the gigabyte that was announced never does."""
    async with administered(tmp_path) as server:
        url = server.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            b"POST /admin/v1/config/apply HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 1000000000\r\nContent-Type: application/yaml\r\n\r\n"
        )
        async with asyncio.timeout(5):
            line = await reader.readline()
        writer.close()

    assert line.split()[1] == b"401"


@pytest.mark.parametrize(
    ("body", "type", "status", "message"),
    [
        (b"x" * 5000, "application/yaml", 413, "the config is longer than 4096 bytes"),
        (b"agents: {}", "text/plain", 415, "the body has no type that a config has"),
        (b"agents: {}", "", 415, "the body has no type that a config has"),
        (b"agents: {}", "application/yaml; charset=latin-1", 415, "the body has no type"),
        (b"a: \xff", "application/yaml; charset=UTF-8", 400, "the body is not UTF-8: see byte 3"),
    ],
)
async def test_bodies_that_are_no_config_are_refused(
    tmp_path: Path, body: bytes, type: str, status: int, message: str
) -> None:
    async with administered(tmp_path, max_config_bytes=4096) as server:
        for path in ("check", "plan", "apply"):
            headers = {**bearer(), **({"Content-Type": type} if type else {})}
            answer = await server.http.post(
                f"/admin/v1/config/{path}", content=body, headers=headers
            )
            assert answer.status_code == status
            assert answer.json()["error"]["message"].startswith(message)

    assert server.runtime.generation == 1


async def test_a_config_may_have_4_mib_and_no_more(tmp_path: Path) -> None:
    """Announced or in chunks."""
    limit = 4 * 1024 * 1024
    text = "agents: {a: {}}\n".ljust(limit)

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(5):
            yield b"#" * (1024 * 1024)

    async with administered(tmp_path) as server:
        exact = await server.post("config/check", text)
        more = await server.post("config/check", text + " ")
        headers = {**bearer(), "Content-Type": "application/yaml"}
        streamed = await server.http.post(
            "/admin/v1/config/check", content=chunks(), headers=headers
        )

    assert (exact.status_code, exact.json()["valid"]) == (200, True)
    assert (more.status_code, streamed.status_code) == (413, 413)
    assert more.json()["error"]["hint"] == "split it with `extends`"


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async with administered(tmp_path, body_timeout_s=0.05) as server:
        url = server.http.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST /admin/v1/config/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\nagents".encode()
        )
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            told = json.loads(await reader.read())
        writer.close()

    assert head.split()[1] == b"408"
    assert told["error"]["message"] == "the request took longer than 0.05 s to arrive"


async def test_agents_are_served_beside_it_without_a_token(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        card = await server.http.get("/agents/helper")
        health = await server.http.get("/health")

    assert (card.status_code, health.status_code) == (200, 200)


async def test_a_broken_request_tells_nothing_of_the_inside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is in the log, not in the answer."""

    class Broken(Stage):
        etag = "e"
        history = ()

        async def check(self, config: object) -> object:
            raise KeyError("secret")

        plan = reload = rollback = check

    async with serving(Broken(text_agent("A")), options()) as http:
        answer = await http.get("/admin/v1/config", headers=bearer())

    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the server broke; its log says why"
    assert "AttributeError" in caplog.text
    assert "AttributeError" not in answer.text
