"""Laws of what a provider declares, and of its settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import yaml
from hypothesis import Phase, given, settings

from hector.config.shape import RecordShape, Shape, record_shape
from hector.config.shape.containers import FixedListShape, ListShape, MapShape, UnionShape
from hector.config.shape.scalars import StringShape
from hector.runtime import Runtime, check_config
from hector.spi import LLM_CAPABILITIES
from hector.testing.laws import law
from hector.testing.opened import SLOW_IS_FINE
from hector.testing.profiles import examples
from hector.testing.provider_config import place_of
from hector.testing.provider_laws import TIMEOUT_S, ProviderLaws
from hector.testing.settings_mutations import Mutation, mutations

__all__ = ["ProviderSettingsLaws"]

_UNSHRUNK: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would open thousands of components."""

_SECRET_NAME: Final = re.compile(
    r"(^|_)(api_?key|access_key|private_key|password|passwd|passphrase|secret|token|credentials?)$"
)


class ProviderSettingsLaws(ProviderLaws):
    """What is declared is complete, and what a user may write is built or refused."""

    @law(
        "PLG-001",
        since="0.1",
        why="`hector plugins`, `hector schema` and the generated documentation show nothing else, and the"
        " capabilities are what other components and the laws of the kind go by.",
        fix="Give the `Provider` a `summary` of one line, each key of the settings a `Doc`, and take"
        " capabilities from the list of the kind (`LLM_CAPABILITIES`; other kinds have none).",
    )
    def test_it_is_described(self) -> None:
        """The provider has a summary of one line, every key is documented, and capabilities are known words."""
        provider = self.provider
        assert provider.summary.strip(), "the provider has no summary"
        assert "\n" not in provider.summary, "the summary has more than one line"
        known = set(LLM_CAPABILITIES) if provider.kind == "llm" else set[str]()
        unknown = sorted(provider.capabilities - known)
        assert not unknown, f"no capabilities of kind {provider.kind}: {', '.join(unknown)}"
        silent = sorted(_undocumented(record_shape(provider.settings), ""))
        assert not silent, f"keys without `Doc`: {', '.join(silent)}"

    @law(
        "PLG-002",
        since="0.1",
        why="A reload compares settings to see what changed, and components of two generations may share"
        " one instance: a value that changes, or that differs from its equal, breaks both.",
        fix="Declare the settings class with `@attrs.frozen(kw_only=True)`, and leave its equality alone.",
    )
    def test_settings_are_frozen_values(self) -> None:
        """Settings made twice from the same keys are equal, and cannot be changed."""
        values = self.smallest_settings()
        with self.folder() as folder:
            one, other = (self.structured(values, folder) for _ in range(2))
        assert one == other, "two instances of the same settings are not equal"
        for field in attrs.fields(self.provider.settings):
            try:
                setattr(one, field.name, getattr(one, field.name))
            except attrs.exceptions.FrozenError:
                continue
            raise AssertionError(f"`{field.name}` can be set")

    @law(
        "PLG-003",
        since="0.1",
        why="A plain string is shown in errors, logs, traces and by the admin API; a `Secret` is not.",
        fix="Give the key the type `hector.spi.Secret`, and call `reveal()` where the value is used.",
    )
    def test_keys_named_like_secrets_are_secrets(self) -> None:
        """A key that is named like a secret (`api_key`, `password`, `token`) is of type `Secret`."""
        plain = sorted(_plain_secrets(record_shape(self.provider.settings), ""))
        assert not plain, f"not of type `Secret`: {', '.join(plain)}"

    @law(
        "PLG-004",
        since="0.1",
        why="What the settings class accepts, a user may write: an error that only shows while the server"
        " starts is found by the wrong person, at the wrong time.",
        fix="Bound the keys with markers (`Range`, `Length`, `Pattern`), and refuse combinations in the"
        " settings class with a `UsageError`. What must exist outside (a folder, a server) goes into"
        " `setups` and `world` of the suite.",
    )
    def test_any_valid_settings_build_and_close(self) -> None:
        """A config with any valid settings has no error, and opens and closes."""

        @settings(
            max_examples=examples(self.settings_examples),
            deadline=None,
            suppress_health_check=SLOW_IS_FINE,
            phases=_UNSHRUNK,
        )
        @given(self.valid_settings())
        def builds(values: dict[str, Any]) -> None:
            with self.folder() as folder:
                path = self._written(values, folder)
                assert self._errors(path) == []
                self.before_opening(values)
                try:
                    asyncio.run(self._open_in_runtime(path))
                except TimeoutError:
                    raise AssertionError(
                        f"it took more than {TIMEOUT_S:g} s with {values}"
                    ) from None
                except Exception as error:
                    error.add_note(f"with the settings {values}")
                    raise

        builds()

    @law(
        "PLG-005",
        since="0.1",
        why="A user who made one mistake is told once, at the place where it is.",
        fix="Let the markers of `hector.spi` say what a key may be, not a validator of attrs. Where the"
        " place is reported twice, the key is one that Hector reads itself in this section: rename it.",
    )
    def test_any_mistake_is_refused_at_its_place(self) -> None:
        """Settings with exactly one thing wrong give exactly one error, at the path of what is wrong."""
        place = place_of(self.provider)
        if not place:  # no entry selects a parser, so nobody can write its keys wrongly
            return

        @settings(
            max_examples=examples(self.mistake_examples),
            deadline=None,
            suppress_health_check=SLOW_IS_FINE,
            phases=_UNSHRUNK,
        )
        @given(mutations(self.provider.settings, self.valid_settings()))
        def is_refused(mutation: Mutation) -> None:
            with self.folder() as folder:
                found = self._errors(self._written(mutation.settings, folder))
            assert found == [(mutation.code, f"{'.'.join(place)}.{mutation.path}")]

        is_refused()

    def _written(self, values: Mapping[str, Any], folder: Path) -> Path:
        """The config as a file: paths in it are relative to its folder."""
        path = folder / "config.yaml"
        path.write_text(_yaml(self.config(values)), encoding="utf-8")
        return path

    def _errors(self, config: Path) -> list[tuple[str, str]]:
        problems = check_config(config, env={}, providers=[self.provider])
        return [(item.code, item.path) for item in problems if item.severity == "error"]

    async def _open_in_runtime(self, config: Path) -> None:
        async with (
            asyncio.timeout(TIMEOUT_S),
            Runtime.open(config, env={}, providers=[self.provider]) as runtime,
        ):
            assert runtime.health().status == "ok"


class _Quoting(yaml.SafeDumper):
    """Quotes every string: PyYAML writes YAML 1.1, where `1e100` is one, and Hector reads YAML 1.2."""


def _quoted(_dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"')


_Quoting.add_representer(str, _quoted)


def _yaml(config: Mapping[str, Any]) -> str:
    return yaml.dump(
        dict(config), Dumper=_Quoting, allow_unicode=True, sort_keys=False, width=10_000
    )


def _keys(shape: Shape, path: str) -> Iterator[tuple[str, Any]]:
    """Every key of the settings that can be written, with its path, at any depth."""
    match shape:
        case RecordShape():
            for key, field in shape.fields.items():
                if field.not_yet is None and field.alias is None:
                    place = f"{path}.{key}" if path else key
                    yield place, field
                    yield from _keys(field.shape, place)
        case ListShape() | MapShape():
            yield from _keys(shape.item, path)
        case FixedListShape():
            for item in shape.items:
                yield from _keys(item, path)
        case UnionShape():
            for member in shape.members:
                yield from _keys(member, path)
        case _:
            return


def _undocumented(shape: Shape, path: str) -> Iterator[str]:
    return (place for place, field in _keys(shape, path) if not field.doc)


def _plain_secrets(shape: Shape, path: str) -> Iterator[str]:
    for place, field in _keys(shape, path):
        shapes = field.shape.members if isinstance(field.shape, UnionShape) else (field.shape,)
        is_text = any(isinstance(item, StringShape) for item in shapes)
        if is_text and _SECRET_NAME.search(place.rpartition(".")[2]):
            yield place
