"""The curl examples of docs/admin.md, run one after the other against a real server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from admin_stage import TOKEN, administered

PAGE = Path(__file__).parents[2] / "docs" / "admin.md"
CONFIG = "agents:\n  assistant:\n    instruction: Answer briefly.\nllms:\n  main:\n    provider: hooked\n"
NEW = CONFIG.replace("llms:", "  second:\n    llm: main\nllms:")

_BLOCK = re.compile(r"^```console title=\"curl\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Every command and what it is said to print."""
    found: list[tuple[str, str]] = []
    for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        lines: list[str] = block.splitlines()
        while lines:
            command = lines.pop(0).removeprefix("$ ")
            while command.endswith("\\"):
                command = f"{command[:-1]}{lines.pop(0)}"
            if lines and lines[0].startswith("    | "):
                command += lines.pop(0)
            printed = ""
            while lines and not lines[0].startswith("$ "):
                printed += lines.pop(0)
            found.append((command, printed))
    return found


def pattern(printed: str) -> str:
    """What is printed, with `…` for anything, and without regard for space."""
    pieces = re.sub(r"\s+", "", printed).split("…")
    return ".*?".join(re.escape(piece) for piece in pieces)


async def test_the_curl_examples_print_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(NEW)
    told = examples()
    script = "\n".join(f"{command}\necho; echo '---'" for command, _ in told)
    async with administered(tmp_path, CONFIG) as server:
        url = str(server.http.base_url).rstrip("/")
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            script.replace("http://127.0.0.1:8080", url),
            cwd=tmp_path,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HECTOR_ADMIN_TOKEN": TOKEN},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()

    printed = output.decode().split("---")[:-1]
    assert len(told) == len(printed) == 9
    for (command, expected), found in zip(told, printed, strict=True):
        assert re.fullmatch(pattern(expected), re.sub(r"\s+", "", found)), (command, found)
    assert server.file.read_text() == NEW
