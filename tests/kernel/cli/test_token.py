"""`hector token`: a token that cannot be guessed, and the hash that the server keeps of it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from hector import check_config, load_config
from hector.cli import token
from hector.config import admin_token_flaw, find_admin_token, new_admin_token

GOOD = "a-token-of-at-least-32-characters"


def ask(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(token.command, args, input=stdin, standalone_mode=False)


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_a_token_is_printed_once_with_its_hash() -> None:
    done = ask()
    made, hashed = (line.split()[1] for line in done.stdout.splitlines())

    assert done.return_value == 0
    assert done.stdout.splitlines() == [f"token  {made}", f"hash   {hashed}"]
    assert hashed == digest(made)
    assert made not in done.stderr


def test_a_token_has_256_random_bits_and_is_never_the_same() -> None:
    made = {new_admin_token() for _ in range(100)}

    assert len(made) == 100
    for item in made:
        assert re.fullmatch(r"hector_[\w-]{43}", item)  # 43 characters of base64 hold 256 bits
        assert admin_token_flaw(item) == ""


def test_json_is_for_programs() -> None:
    told = json.loads(ask("--json").stdout)

    assert told == {"token": told["token"], "hash": digest(told["token"])}
    assert json.loads(ask("--hash", "--json", stdin=GOOD).stdout) == {"hash": digest(GOOD)}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
def test_the_hash_of_a_token_is_that_of_its_first_line(end: str) -> None:
    done = ask("--hash", stdin=f"{GOOD}{end}")

    assert (done.return_value, done.stdout, done.stderr) == (0, f"{digest(GOOD)}\n", "")


@pytest.mark.parametrize(
    ("given", "flaw"),
    [
        ("", "has 0 characters, which can be guessed: it needs at least 32"),
        ("x" * 31, "has 31 characters, which can be guessed: it needs at least 32"),
        (
            f"{GOOD} and more",
            "has characters that no HTTP header can carry: only visible ASCII ones can be used",
        ),
        (
            f"{GOOD}é",
            "has characters that no HTTP header can carry: only visible ASCII ones can be used",
        ),
    ],
)
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(given: str, flaw: str) -> None:
    done = ask("--hash", stdin=given)

    assert (done.return_value, done.stdout) == (1, "")
    assert done.stderr == f"error: the token {flaw}\n  hint: `hector token` makes one\n"


def test_the_printed_hash_is_what_the_config_takes(tmp_path: Path) -> None:
    file = tmp_path / "hector.yaml"
    hashed = json.loads(ask("--json").stdout)["hash"]
    file.write_text(f"agents: {{a: {{}}}}\nserver: {{admin: {{token_hash: '{hashed}'}}}}\n")

    assert check_config(file, env={}) == ()
    config, _ = load_config(file, env={})
    assert config.server.admin.token_hash == hashed


def test_what_is_no_hash_is_refused_by_the_config() -> None:
    config: dict[str, Any] = {"agents": {"a": {}}, "server": {"admin": {"token_hash": GOOD}}}
    (problem,) = check_config(config, env={})

    assert (problem.code, problem.path) == ("H104", "server.admin.token_hash")


@attrs.frozen
class Places:
    config: Path
    current: Path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    config, current = tmp_path / "config", tmp_path / "current"
    config.mkdir()
    current.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HECTOR_ADMIN_TOKEN", raising=False)
    return Places(config, current)


def test_the_token_is_found_where_the_variables_of_the_config_are(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment, then the `.env` of the config, then the one of the current folder."""
    found = [find_admin_token(places.config)]
    (places.current / ".env").write_text("HECTOR_ADMIN_TOKEN=current\n")
    found.append(find_admin_token(places.config))
    (places.config / ".env").write_text("HECTOR_ADMIN_TOKEN=config\n")
    found.append(find_admin_token(places.config))
    monkeypatch.setenv("HECTOR_ADMIN_TOKEN", "environment")
    found.append(find_admin_token(places.config))

    assert found == ["", "current", "config", "environment"]
