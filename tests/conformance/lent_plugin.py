"""Plugins that are installed as far as Python can tell: a folder with their code, and their metadata beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["lend"]


def lend(project: Path, site: Path) -> None:
    """Make a project importable and its entry points known from `site`, without a build.

    Args:
        project: a folder with a pyproject.toml and `src`.
        site: a folder that will be on `sys.path`.
    """
    table: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    for package in (project / "src").iterdir():
        (site / package.name).symlink_to(package)
    info = site / f"{table['name'].replace('-', '_')}-{table['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {table['version']}\n"
    )
    lines: list[str] = []
    for group, points in table["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
