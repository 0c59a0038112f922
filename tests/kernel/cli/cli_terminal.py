"""The command line as users call it: a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
from hector_forks import HectorForks

__all__ = ["CONFIG", "HECTOR", "SLOW_PLUGIN", "Terminal"]

HECTOR = (sys.executable, "-m", "hector")

CONFIG = """\
name: test
llms:
  default:
    provider: offline
agents:
  first:
    description: The one at the front.
    visibility: internal
  second:
    description: The public one.
"""

SLOW_PLUGIN = """\
import asyncio
import logging
import warnings

import attrs

from hector.plugin import hookimpl
from hector.spi import LLMResponse, Provider, TextDelta


@attrs.frozen(kw_only=True)
class Settings:
    fails: bool = False


class Slow:
    model = provider = "slow"

    def __init__(self, settings):
        self.settings = settings

    async def generate(self, request):
        logging.getLogger("some_library").error("a library's own affair")
        logging.getLogger("hector_plugin_slow").info("of no interest")
        logging.getLogger("hector_plugin_slow").warning("the model is slow today")
        warnings.warn("a library's own affair", UserWarning)
        if self.settings.fails:
            raise KeyError("the plugin's own mistake")
        yield TextDelta(text="One moment")
        await asyncio.sleep(3600)


@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="slow", settings=Settings, create=lambda settings, context: Slow(settings))]
"""


@attrs.frozen
class Terminal:
    """Calls `hector` in a folder, as a process."""

    folder: Path
    forks: HectorForks

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, name: str, source: str, *, suites: str | None = None) -> None:
        """Put a plugin on the path of the commands that follow, as pip would.

        Args:
            name: of its entry point.
            source: of its module.
            suites: source of the module with its conformance suites, if it brings any.
        """
        self.write(f"site/hector_plugin_{name}.py", source)
        info = f"site/hector_plugin_{name}-1.0.dist-info"
        self.write(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: hector-plugin-{name}\nVersion: 1.0\n"
        )
        points = f"[hector.plugins]\n{name} = hector_plugin_{name}\n"
        if suites is not None:
            self.write(f"site/hector_plugin_{name}_suites.py", suites)
            points += f"[hector.conformance]\n{name} = hector_plugin_{name}_suites\n"
        self.write(f"{info}/entry_points.txt", points)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder / "site"),
            "COLUMNS": "100",
            "HECTOR_REPORTS": str(self.folder / "reports"),
        }

    def run(
        self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **(env or {})}
        return self.forks.run(*args, cwd=self.folder, env=environment, stdin=stdin)

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*HECTOR, *args],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
