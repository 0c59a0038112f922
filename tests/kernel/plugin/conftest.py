"""Distributions that are really installed: a folder on the path with metadata and modules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests are no package, and share modules

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install("hector-plugin-x", "x", source, version=…, level=…)` puts a plugin on the path, as pip would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    before = set(sys.modules)

    def do(
        distribution: str,
        name: str,
        source: str,
        *,
        version: str = "1.0",
        level: str | None = "level_1",
    ) -> None:
        module = f"plugin_{distribution.replace('-', '_')}_{name}"
        (site / f"{module}.py").write_text(source)
        for old in site.glob(f"{distribution.replace('-', '_')}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        points = f"[hector.plugins]\n{name} = {module}\n"
        if level is not None:
            points += f"\n[hector.api]\n{name} = {level}\n"
        (info / "entry_points.txt").write_text(points)

    yield do
    for module in set(sys.modules) - before:
        if module.startswith("plugin_"):
            del sys.modules[module]


PROVIDER_SOURCE = """
import attrs
from hector.plugin import hookimpl
from hector.spi import Provider

@attrs.frozen(kw_only=True)
class Settings:
    url: str = "x"

@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="{type}", settings=Settings, create=lambda settings, context: None)]
"""


@pytest.fixture
def provider_source() -> Callable[[str], str]:
    """Source of a plugin that offers one LLM type."""

    def source(type: str) -> str:
        return PROVIDER_SOURCE.replace("{type}", type)

    return source
