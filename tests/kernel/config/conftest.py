"""Providers of several kinds with settings classes of their own, and a check of a config's text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import attrs
import pytest

from hector.config import ProviderProblem, diagnose, read_text, unknown_provider
from hector.errors import ConfigError
from hector.spi import (
    Doc,
    Duration,
    Env,
    Kind,
    Length,
    NotYet,
    Pattern,
    Provider,
    Range,
    Reference,
    Secret,
    SettingsProblem,
    SettingsRefusedError,
)

Check: TypeAlias = Callable[..., list[str]]


class Effort(Enum):
    """An enumeration in a settings class."""

    LOW = "low"
    HIGH = "high"


@attrs.frozen(kw_only=True)
class Thinking:
    """A nested class."""

    enabled: bool = True
    budget_tokens: Annotated[int, Range(1, 100_000)] = 1024


@attrs.frozen(kw_only=True)
class ChatSettings:
    """An LLM with a key."""

    model: Annotated[str, Doc("model name"), Length(1)] = "gpt-5.5"
    api_key: Annotated[Secret, Doc("key"), Env("OPENAI_API_KEY")]
    base_url: Annotated[str | None, Pattern(r"https?://\S+")] = None
    temperature: Annotated[float | None, Range(0, 2)] = None
    max_tokens: Annotated[int, Range(minimum=1)] = 4096
    timeout: Annotated[float, Duration(), Range(minimum=0, is_minimum_exclusive=True)] = 60.0
    mode: Literal["chat", "responses"] = "chat"
    effort: Effort = Effort.LOW
    stream: bool = True
    headers: dict[str, Secret] = attrs.field(factory=dict[str, Secret])
    stop: Annotated[tuple[str, ...], Length(0, 4)] = ()
    thinking: Thinking | None = None
    seed: int | str | None = None
    realtime: Annotated[bool, NotYet("it comes with a later version")] = False


@attrs.frozen(kw_only=True)
class NoSettings:
    """Nothing to set."""


@attrs.frozen(kw_only=True)
class FilesSettings:
    """Paths."""

    roots: Annotated[tuple[Path, ...], Length(1)] = (Path(),)
    pattern: str = "*"


@attrs.frozen(kw_only=True)
class ServerSettings:
    """A rule between two keys."""

    url: str | None = None
    command: str | None = None
    args: list[str] = attrs.field(factory=list[str])
    require_approval: bool = False

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.command is None):
            raise ValueError("give either `url` or `command`")
        problems = [
            SettingsProblem(("args", position), "is a flag", "name it `--`")
            for position, arg in enumerate(self.args)
            if arg.startswith("-")
        ]
        if self.url == "":
            problems += [SettingsProblem(("url",), "is empty"), SettingsProblem((), "is of no use")]
        if problems:
            raise SettingsRefusedError(problems)


@attrs.frozen(kw_only=True)
class AgentSettings:
    """References of every sort."""

    llm: Annotated[str, Reference("llm")] = "default"
    tools: Annotated[
        tuple[str, ...] | None,
        Reference("toolset", is_all_when_omitted=True, allows_member=True),
    ] = None
    document_stores: Annotated[
        tuple[str, ...] | None, Reference("document_store", is_all_when_omitted=True)
    ] = None
    sub_agents: Annotated[tuple[str, ...], Reference("agent")] = ()
    agent_tools: Annotated[tuple[str, ...], Reference("agent")] = ()
    instruction: str = ""


@attrs.frozen(kw_only=True)
class DirectorySettings:
    """A source."""

    path: Path
    include: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SemanticSettings:
    """A chunker that may use an embedder."""

    size: Annotated[int, Range(50, 5000)] = 1000
    embedder: Annotated[str | None, Reference("embedder")] = None


@attrs.frozen(kw_only=True)
class SqliteSettings:
    """A database."""

    database: Path


PROVIDERS: tuple[tuple[Kind, str, type], ...] = (
    ("llm", "offline", NoSettings),
    ("llm", "openai", ChatSettings),
    ("embedder", "lexical", NoSettings),
    ("vector_store", "chromem", NoSettings),
    ("toolset", "files", FilesSettings),
    ("toolset", "mcp", ServerSettings),
    ("agent", "llm", AgentSettings),
    ("document_source", "directory", DirectorySettings),
    ("chunker", "semantic", SemanticSettings),
    ("session_backend", "sqlite", SqliteSettings),
)


@attrs.frozen
class Index:
    """An index over the providers above, or others."""

    offered: tuple[tuple[Kind, str, type], ...] = PROVIDERS
    problems: Mapping[tuple[str, str], ProviderProblem] = attrs.field(
        factory=dict[tuple[str, str], ProviderProblem]
    )

    def find(self, kind: str, type: str) -> Provider | ProviderProblem:
        """By plain or qualified name."""
        bare = type.rpartition(":")[2]
        for provider in self.providers(kind):
            if provider.type == bare:
                return provider
        problem = self.problems.get((kind, type))
        return problem or unknown_provider(kind, type, self.types(kind))

    def types(self, kind: str) -> Sequence[str]:
        """Sorted."""
        return sorted(name for offered, name, _ in self.offered if offered == kind)

    def providers(self, kind: str) -> Sequence[Provider]:
        """In order."""
        return [
            Provider(kind=offered, type=name, settings=settings, create="none:none")
            for offered, name, settings in self.offered
            if offered == kind
        ]


@pytest.fixture
def index() -> Index:
    return Index()


@pytest.fixture
def check(index: Index) -> Check:
    """`check(text, env=…, format=…)`: the diagnostics of a config as texts, reading errors too."""

    def run(text: str, **options: object) -> list[str]:
        settings: dict[str, object] = {"env": {}, "file": "config.yaml", **options}
        try:
            raw = read_text(text, **settings)  # type: ignore[arg-type]
        except ConfigError as error:
            return [str(item) for item in error.diagnostics]
        return [str(item) for item in diagnose(raw, index)]

    return run
