"""Plugins that come, change and go between two plans: real wheels, installed by an installer."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from hector.config import ConfigText
from hector.errors import ConfigError
from hector.plugin.installation import Installation, installation
from hector.plugin.registry import Registry
from hector.runtime.changes import compare
from hector.runtime.loading import ConfigLoader
from hector.runtime.plan import Plan

SOURCE = """
import attrs
from hector.plugin import hookimpl
from hector.spi import Provider

@attrs.frozen(kw_only=True)
class Settings:
    url: str = "x"

@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="TYPE", settings=Settings, create="nowhere:create")]
"""
NOTHING = ConfigText("name: app\n")


@attrs.frozen
class Site:
    """A folder on the path that packages are installed into."""

    folder: Path
    wheels: Path

    def wheel(self, name: str, version: str, type: str) -> Path:
        """A wheel, as a build backend makes it."""
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        files = {
            f"{module}.py": SOURCE.replace("TYPE", type),
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[hector.plugins]\n{type} = {module}\n",
        }
        record = "".join(f"{file},{_hash(text)},{len(text)}\n" for file, text in files.items())
        wheel = self.wheels / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                archive.writestr(file, text)
        return wheel

    def install(self, name: str, version: str, type: str) -> None:
        """Install, or upgrade: for a folder as target pip leaves what was there, which it removes elsewhere."""
        wheel = self.wheel(name, version, type)
        for info in self.folder.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(info)
        target = ("--upgrade", "--target", str(self.folder))
        _run("install", "--no-deps", *target, str(wheel), home=self.wheels)

    def remove(self, name: str) -> None:
        """Uninstall: what pip does for a folder that it has as a target."""
        module = name.replace("-", "_")
        (self.folder / f"{module}.py").unlink()
        for info in self.folder.glob(f"{module}-*.dist-info"):
            shutil.rmtree(info)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _run(*arguments: str, home: Path) -> None:
    """Run the installer, in a home of its own: pip asks what else is installed, which may leave things there."""
    uv = shutil.which("uv")
    command = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    done = subprocess.run(
        [*command, *arguments, *(("--offline", "--no-cache") if uv else ("--no-index",))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(home), "VIRTUAL_ENV": sys.prefix, "PIP_NO_CACHE_DIR": "1"},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder at the end of `sys.path`; its modules are forgotten afterwards."""
    found = Site(tmp_path / "site", tmp_path / "wheels")
    found.folder.mkdir()
    found.wheels.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(found.folder)])
    before = set(sys.modules)
    yield found
    for module in set(sys.modules) - before:
        if module.startswith("hector_wheel"):
            del sys.modules[module]


def state(registry: Registry, distribution: str) -> tuple[str, str, str | None]:
    (record,) = [item for item in registry.records if item.distribution == distribution]
    return record.state, record.version, record.installed_version


def test_what_comes_changes_and_goes_is_seen_by_the_next_plan(site: Site) -> None:
    """Installed: usable. Upgraded: the old code until a restart. Removed: refused, with the reason. Back: usable."""
    loader = ConfigLoader(env={})
    using = ConfigText("name: app\nllms: {main: {provider: wheel_a}}\n")
    empty = loader.plan(NOTHING).plan
    with pytest.raises(ConfigError, match="no installed plugin offers the LLM type `wheel_a`"):
        loader.plan(using)

    site.install("hector-wheel-a", "1.0", "wheel_a")
    installed = loader.plan(using).plan
    assert state(installed.registry, "hector-wheel-a") == ("loaded", "1.0", None)
    assert not compare(empty, installed).needs_restart

    site.install("hector-wheel-a", "1.1", "wheel_a")
    upgraded = loader.plan(using).plan
    assert state(upgraded.registry, "hector-wheel-a") == ("loaded", "1.0", "1.1")
    assert needs(installed, upgraded) == {"plugin wheel_a": "loaded 1.0, installed 1.1"}
    assert not compare(installed, upgraded).changes

    site.remove("hector-wheel-a")
    with pytest.raises(ConfigError) as caught:
        loader.plan(using)
    (problem,) = caught.value.diagnostics
    assert problem.code == "H116"
    assert problem.message == (
        "llm type `wheel_a`: plugin wheel_a (hector-wheel-a 1.0) is removed: it is not installed any more"
    )
    assert problem.hint == "install it again: pip install hector-wheel-a"
    without = loader.plan(NOTHING).plan
    assert state(without.registry, "hector-wheel-a")[0] == "removed"
    assert "wheel_a" not in without.registry.types("llm")
    assert needs(upgraded, without) == {"plugin wheel_a": "loaded 1.0, was removed"}

    site.install("hector-wheel-a", "1.0", "wheel_a")
    assert state(loader.plan(using).plan.registry, "hector-wheel-a") == ("loaded", "1.0", None)


def needs(old: Plan, new: Plan) -> dict[str, str]:
    return {need.subject: need.reason for need in compare(old, new).needs_restart}


def test_two_installations_within_one_tick_of_the_clock_are_both_seen(site: Site) -> None:
    """A folder that changed a moment ago is not trusted, even if its time stands still."""
    loader = ConfigLoader(env={})
    site.install("hector-wheel-b", "1.0", "wheel_b")
    stamp = site.folder.stat()
    assert "wheel_b" in loader.plan(NOTHING).plan.registry.types("llm")

    site.install("hector-wheel-c", "1.0", "wheel_c")
    os.utime(site.folder, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    assert "wheel_c" in loader.plan(NOTHING).plan.registry.types("llm")


def test_the_registry_stays_the_same_while_nothing_moves(site: Site) -> None:
    """And it is found in far less than a millisecond, which a scan of what is installed never takes."""
    site.install("hector-wheel-d", "1.0", "wheel_d")
    for folder in (path for path in sys.path if os.path.isdir(path)):  # noqa: PTH112
        before = os.stat(folder)  # noqa: PTH116
        if before.st_mtime_ns > time.time_ns() - 10**10 and os.access(folder, os.W_OK):
            os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns - 10**10))
    loader = ConfigLoader(env={})
    first = loader.plan(NOTHING).plan.registry

    took: list[float] = []
    for _ in range(20):
        again = loader.plan(NOTHING)
        assert again.plan.registry is first
        took.append(again.phases["registry"])

    assert min(took) < 0.001


def test_a_folder_at_rest_is_trusted_and_a_changed_one_is_not() -> None:
    """Time, inode, order of the path and finders all count."""
    here = Installation((("/a", 1, 2),), (7,), is_settled=True)

    assert here.is_still(here)
    assert not here.is_still(attrs.evolve(here, is_settled=False))
    for other in ({"folders": (("/a", 1, 3),)}, {"folders": ()}, {"finders": ()}):
        assert not attrs.evolve(here, **other).is_still(here)
    assert {path for path, _, _ in installation().folders} == set(sys.path)
