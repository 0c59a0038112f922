"""The plugin's declaration, its settings and the names it gives."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hector_plugin_mcp
from hector.spi import Secret
from hector_plugin_mcp import MCPSettings
from hector_plugin_mcp.names import alias
from hector_plugin_mcp.redaction import Redaction

PREFIXES = st.from_regex(r"[a-zA-Z0-9_-]{0,32}", fullmatch=True)


def test_the_plugin_declares_the_toolset_type_mcp() -> None:
    (provider,) = hector_plugin_mcp.hector_toolset_providers()
    assert (provider.kind, provider.type) == ("toolset", "mcp")
    assert provider.settings is MCPSettings


def test_importing_the_plugin_imports_no_sdk() -> None:
    code = (
        "import sys, hector_plugin_mcp\n"
        "heavy = {'mcp', 'mcp_types', 'httpx2', 'anyio', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "give either `command` (to start a server) or `url` (to reach one)"),
        (
            {"command": "a", "url": "http://a"},
            "give either `command` (to start a server) or `url` (to reach one)",
        ),
        (
            {"command": "a", "transport": "streamable-http"},
            "`transport: streamable-http` does not go with `command`",
        ),
        ({"url": "http://a", "transport": "stdio"}, "`transport: stdio` does not go with `url`"),
        ({"url": "http://a", "args": ("x",)}, "`args` has no effect with `url`"),
        ({"url": "http://a", "env": {"A": Secret("b")}}, "`env` has no effect with `url`"),
        ({"command": "a", "headers": {"A": Secret("b")}}, "`headers` has no effect with `command`"),
        (
            {"url": "ftp://a"},
            "`url` must be an http or https address, such as https://example.com/mcp",
        ),
        (
            {"url": "http://a", "headers": {"X-Key": Secret("from a file\n")}},
            "`headers.X-Key` holds a line break or another character headers cannot carry",
        ),
        (
            {"url": "http://a", "headers": {"X Key": Secret("b")}},
            "`headers` holds 'X Key', which is no name of a header",
        ),
        (
            {"url": "https://me:pass@a"},
            "`url` must not hold a user or password; use `headers`",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MCPSettings(**keys)  # pyright: ignore[reportArgumentType]


@given(name=st.text(), prefix=PREFIXES)
def test_every_name_gets_an_alias_that_models_take(name: str, prefix: str) -> None:
    made = alias(name, prefix)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made)
    assert made.startswith(prefix)
    assert made == alias(name, prefix)


@given(name=st.from_regex(r"[a-zA-Z0-9_-]{1,32}", fullmatch=True), prefix=PREFIXES)
def test_a_name_that_fits_is_kept(name: str, prefix: str) -> None:
    assert alias(name, prefix) == prefix + name


@given(names=st.sets(st.text(alphabet="a.b/ ", max_size=200), min_size=2, max_size=2))
def test_two_names_do_not_get_one_alias(names: set[str]) -> None:
    assert len({alias(name) for name in names}) == 2


def test_an_alias_is_the_same_in_every_process() -> None:
    assert alias("admin.tools.list") == "admin_tools_list-1d0e0db7"


def test_secrets_are_taken_out_of_text_but_switches_are_not() -> None:
    redaction = Redaction([Secret("Bearer abc123xyz"), Secret("1"), Secret("hunter22")])
    assert redaction.apply("1 token abc123xyz, Bearer abc123xyz, hunter22!") == "1 token …, …, …!"
