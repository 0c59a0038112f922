"""Whether what `hector plugins new` writes, and the examples, are linted and typed; run by `make check`.

Written twice, under a short name and under a long one: neither may make a line too long, or one that would be joined.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hector.cli.scaffold import scaffold_name, write_scaffold
from hector.spi import KINDS

REPOSITORY = Path(__file__).parents[2]


def main() -> int:
    """Write them, and run what their README tells to run; the exit code is the worst."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, kind in enumerate(KINDS):
            for text in (chr(ord("a") + number), f"{kind[0]}{number}-rather-long-nam"):
                name = scaffold_name(text)
                write_scaffold(folder / name.distribution, name, kind)
        for example in (REPOSITORY / "examples").glob("hector-plugin-*"):
            shutil.copytree(
                example, folder / example.name, ignore=shutil.ignore_patterns(".*_cache")
            )
        return max(_ruff(folder), _pyright(folder), _mypy(folder))


def _run(folder: Path, *command: str, path: str = "") -> int:
    environment = {**os.environ, "MYPYPATH": path}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, check=False
    ).returncode


def _ruff(folder: Path) -> int:
    quiet = ("--quiet", "--no-cache")
    return max(
        _run(folder, "ruff", "check", *quiet), _run(folder, "ruff", "format", "--check", *quiet)
    )


def _pyright(folder: Path) -> int:
    """All of them at once, for starting takes longer than checking."""
    roots = ", ".join(f'"{path}"' for path in sorted(map(str, folder.glob("*/src"))))
    (folder / "pyrightconfig.json").write_text(
        f'{{"include": ["."], "extraPaths": [{roots}], "typeCheckingMode": "strict"}}'
    )
    return _run(folder, "pyright", "--pythonpath", sys.executable, "--warnings")


def _mypy(folder: Path) -> int:
    roots = [str(path) for path in sorted(folder.glob("*/src"))]
    packages = [
        part for root in roots for item in Path(root).iterdir() for part in ("-p", item.name)
    ]
    return _run(
        folder, "mypy", "--strict", "--no-error-summary", *packages, path=os.pathsep.join(roots)
    )


if __name__ == "__main__":
    sys.exit(main())
