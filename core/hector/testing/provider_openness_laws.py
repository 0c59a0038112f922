"""Laws of what a provider may show, import and claim for itself."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample, Unsatisfiable

from hector.config.shape import record_shape
from hector.config.shape.containers import UnionShape
from hector.config.shape.scalars import SecretShape
from hector.plugin.registry import build_registry
from hector.spi import Secret
from hector.testing.laws import law
from hector.testing.provider_laws import ProviderLaws

__all__ = ["ProviderOpennessLaws"]

_SHORTEST: Final = 6
"""Characters below which a secret may well stand in a text by chance."""

_IMPORT: Final = """
import json, sys, time
import hector.plugin, hector.spi
before = set(sys.modules)
started = time.perf_counter()
__import__(sys.argv[1])
took_s = time.perf_counter() - started
print(json.dumps([took_s, sorted({name.partition(".")[0] for name in set(sys.modules) - before})]))
"""


class ProviderOpennessLaws(ProviderLaws):
    """What stays hidden, and what must not.

    Attributes:
        module: the plugin's module, or None to look it up among the installed plugins.
        light_imports: names of top-level modules that importing the plugin may import: helpers
            that take no time, and no vendor's SDK.
    """

    module: ClassVar[str | None] = None
    light_imports: ClassVar[frozenset[str]] = frozenset()

    @law(
        "PLG-011",
        since="0.1",
        why="A key in a log is a key that has to be changed, wherever the log went.",
        fix="Keep the `Secret`, not its value; let no object that holds the value have it in its `repr`, and pass"
        " what a vendor says through `hector.spi.Redaction` before it becomes an error or a log line.",
    )
    def test_secrets_never_show(self) -> None:
        """No secret of the settings is in a repr, an error with its traceback, a log line or a pickle."""
        values = self._with_secrets()
        self.before_opening(values)
        shown: list[tuple[str, str]] = []

        async def live(folder: Path) -> list[str]:
            built = self.structured(values, folder)
            shown.append(("the repr of the settings", f"{built!r} {built}"))
            shown.append(("a pickle of the settings", _pickled(built)))
            try:
                async with self.opened(folder, values) as component:
                    shown.append(("the repr of the component", f"{component!r} {component}"))
                    shown.append(("a pickle of the component", _pickled(component)))
                    await self.exercised(component)
            except Exception as error:  # noqa: BLE001 - what it says is what is looked at
                shown.append(("an error", "".join(traceback.format_exception(error))))
            return sorted({text for text in _secrets(built) if len(text) >= _SHORTEST})

        with self.folder() as folder, _captured_logs() as logs:
            secrets = self.run(live(folder))
        shown.append(("a log line", logs.getvalue()))
        places = [place for place, text in shown if any(secret in text for secret in secrets)]
        assert not places, f"a secret stands in {', '.join(places)}"

    def _with_secrets(self) -> dict[str, Any]:
        """Valid settings with as many secrets set as they can have at once."""
        chosen: dict[str, Any] = {}
        taken = self.setups()[0]
        for key, field in record_shape(self.provider.settings).fields.items():
            if key in taken or field.not_yet is not None or field.alias is not None:
                continue
            shapes = field.shape.members if isinstance(field.shape, UnionShape) else (field.shape,)
            if any(isinstance(shape, SecretShape) for shape in shapes):
                more = {**chosen, key: st.just(f"hidden{key.replace('_', '')}0123456789")}
                with suppress(Unsatisfiable, NoSuchExample):
                    self.smallest_settings(more)
                    chosen = more
        return self.smallest_settings(chosen)

    @law(
        "PLG-013",
        since="0.1",
        why="Every command that reads a config imports every plugin: an SDK that takes a second takes it from"
        " `hector validate`, too.",
        fix="Import the SDK in the module that `create` stands in, and name `create` as `module:function`. A small"
        " helper that takes no time may be named in `light_imports`.",
    )
    def test_importing_the_plugin_imports_no_sdk(
        self, record_property: Callable[[str, object], None]
    ) -> None:
        """In a fresh process, importing the plugin's module brings in nothing but Hector and the standard library."""
        module = self._plugin_module()
        took_s, imported, error = _import_alone(module, os.pathsep.join(filter(None, sys.path)))
        if error:
            pytest.fail(f"`{module}` cannot be imported:\n{error}", pytrace=False)
        record_property("import_ms", round(took_s * 1000, 1))
        own = {module.partition(".")[0], "hector"}
        heavy = set(imported) - own - sys.stdlib_module_names - self.light_imports
        foreign = sorted(name for name in heavy if not name.startswith("_"))
        assert not foreign, (
            f"importing `{module}` imports {', '.join(foreign)} ({took_s * 1000:.0f} ms)"
        )

    def _plugin_module(self) -> str:
        if self.module is not None:
            return self.module
        own = (self.provider.kind, self.provider.type)
        for record in build_registry().records:
            if own in {(item.kind, item.type) for item in record.providers}:
                return record.module.partition(":")[0]
        return self.provider.settings.__module__.partition(".")[0]

    @law(
        "PLG-014",
        since="0.1",
        why="Two components that claim the same are refused, and a reload closes the old one before it opens"
        " the new one: a claim that changes protects nothing.",
        fix="Let `exclusive` derive its names from the settings alone, and resolve paths in them.",
    )
    def test_exclusive_claims_are_stable(self) -> None:
        """`exclusive` gives the same names for the same settings, each as `what:which`, and touches nothing."""
        exclusive = self.provider.exclusive
        if exclusive is None:
            return
        values = self.smallest_settings()
        with self.folder() as folder:
            built = self.structured(values, folder)
            first, second = sorted(exclusive(built)), sorted(exclusive(built))
        assert first == second, f"the claims differ: {first} and {second}"
        vague = [claim for claim in first if not all(claim.partition(":")[::2])]
        assert not vague, f"not of the form `what:which`: {', '.join(vague)}"
        relative = [
            claim
            for claim in first
            if claim.startswith("file:") and not Path(claim.removeprefix("file:")).is_absolute()
        ]
        assert not relative, f"not an absolute path: {', '.join(relative)}"


@cache  # a plugin may have twenty providers, and one module
def _import_alone(module: str, path: str) -> tuple[float, Sequence[str], str]:
    """Import a module in a process of its own; seconds, the top-level modules that came in, and what went wrong."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, module],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        return 0.0, (), done.stderr
    took_s, imported = cast("tuple[float, list[str]]", json.loads(done.stdout))
    return took_s, imported, ""


def _secrets(value: object) -> Iterator[str]:
    """Every secret in settings, at any depth."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif attrs.has(kind := cast("Any", type(value))):
        for field in attrs.fields(kind):
            yield from _secrets(getattr(value, field.name, None))
    elif isinstance(value, dict):
        for item in cast("dict[object, object]", value).values():
            yield from _secrets(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[object]", value):
            yield from _secrets(item)


def _pickled(value: object) -> str:
    """The pickle as text, where there can be one."""
    try:
        return pickle.dumps(value).decode("latin-1")
    except Exception:  # noqa: BLE001 - what cannot be pickled shows nothing
        return ""


@contextmanager
def _captured_logs() -> Generator[io.StringIO]:
    """Collect every line that is logged, with tracebacks."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
