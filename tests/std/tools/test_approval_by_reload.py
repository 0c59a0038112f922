"""What a reload says about approval holds for the next call, as if the server had begun with it."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from hector import Runtime

KEYS: tuple[dict[str, Any], ...] = (
    {},
    {"require_approval": True},
    {"require_approval": False},
    {"require_approval": True, "approval_prompt": "May I list the files?"},
)


def config(root: Path, keys: dict[str, Any]) -> dict[str, Any]:
    return {
        "llms": {"default": {"provider": "offline"}},
        "tools": {"files": {"type": "files", "root": str(root), **keys}},
        "agents": {"main": {"tools": ["files"]}},
    }


async def asked(runtime: Runtime) -> list[str]:
    """What a person is asked about a call; empty where it just runs."""
    events = [event async for event in runtime.run("main", "list_directory {}")]
    assert [event.kind for event in events].count("tool_result") == (
        events[-1].outcome == "completed"
    )
    return [event.approval.prompt for event in events if event.approval is not None]


@pytest.mark.parametrize(("before", "after"), list(permutations(KEYS, 2)))
async def test_approval_holds_from_the_reload_on(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    async with Runtime.open(config(tmp_path, after), env={}) as runtime:
        expected = await asked(runtime)
    async with Runtime.open(config(tmp_path, before), env={}) as runtime:
        assert len(await asked(runtime)) == bool(before.get("require_approval"))
        done = await runtime.reload(config(tmp_path, after))

        assert await asked(runtime) == expected
        changed = [
            f"tools.files.{key}"
            for key in ("approval_prompt", "require_approval")
            if before.get(key, "") != after.get(key, "")
        ]
        assert done.rebuilt == ("agents.main", "tools.files")
        assert list(done.changes["tools.files"].causes) == changed
