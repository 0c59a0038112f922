"""Reading and checking a config of 1,000 agents, beside a bare load of the same YAML.

The providers' settings classes are made here, in the size of the real ones, so that the figure is
the config's own and does not move when a plugin grows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import attrs
import yaml

from hector.config import ProviderProblem, read_text, structure, unknown_provider
from hector.spi import Env, Kind, Provider, Range, Reference, Secret

AGENTS = 1000
ROUNDS = 7
BAR_S = 1.0

TEMPLATE = """\
  agent_{index}:
    name: Agent {index}
    description: Answers questions about subject {index}
    llm: main
    instruction: |
      You answer questions about subject {index}.
      Cite what you have found.
    tools: [files.read_file, files.list_files]
    sub_agents: [{sub_agents}]
    max_iterations: 20
    temperature: 0.{index}
    skills:
      - id: subject_{index}
        name: Subject {index}
        tags: [subject, "{index}"]
"""


@attrs.frozen(kw_only=True)
class ChatSettings:
    """As of an LLM."""

    model: str
    api_key: Annotated[Secret, Env("OPENAI_API_KEY")]
    temperature: Annotated[float | None, Range(0, 2)] = None


@attrs.frozen(kw_only=True)
class FilesSettings:
    """As of a toolset."""

    root: str = "."


@attrs.frozen(kw_only=True)
class AgentSettings:
    """As of an agent type."""

    llm: Annotated[str, Reference("llm")] = "default"
    tools: Annotated[
        tuple[str, ...] | None,
        Reference("toolset", is_all_when_omitted=True, allows_member=True),
    ] = None
    sub_agents: Annotated[tuple[str, ...], Reference("agent")] = ()
    agent_tools: Annotated[tuple[str, ...], Reference("agent")] = ()
    document_stores: Annotated[
        tuple[str, ...] | None, Reference("document_store", is_all_when_omitted=True)
    ] = None
    instruction: str = ""
    max_iterations: Annotated[int, Range(1, 1000)] = 100
    temperature: Annotated[float | None, Range(0, 2)] = None


class Index:
    """The providers of this benchmark."""

    def __init__(self) -> None:
        made: tuple[tuple[Kind, str, type], ...] = (
            ("llm", "openai", ChatSettings),
            ("toolset", "files", FilesSettings),
            ("agent", "llm", AgentSettings),
        )
        self._providers = {
            (kind, name): Provider(kind=kind, type=name, settings=settings, create="none:none")
            for kind, name, settings in made
        }

    def find(self, kind: str, type: str) -> Provider | ProviderProblem:
        """See `ProviderIndex`."""
        return self._providers.get((kind, type)) or unknown_provider(kind, type, self.types(kind))

    def types(self, kind: str) -> Sequence[str]:
        """See `ProviderIndex`."""
        return [provider.type for provider in self.providers(kind)]

    def providers(self, kind: str) -> Sequence[Provider]:
        """See `ProviderIndex`."""
        return [provider for key, provider in self._providers.items() if key[0] == kind]


def make_config(agents: int) -> str:
    """The YAML text."""
    head = "llms:\n  main: {provider: openai, model: gpt-5.5}\ntools:\n  files: {type: files}\n"
    entries = (
        TEMPLATE.format(
            index=index,
            sub_agents=f"agent_{index + 1}" if index % 10 and index < agents - 1 else "",
        )
        for index in range(agents)
    )
    return f"{head}agents:\n{''.join(entries)}"


def cpu_s(work: Callable[[], object]) -> float:
    """Median CPU seconds of some rounds."""
    figures: list[float] = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        figures.append(time.process_time() - started)
    return statistics.median(figures)


def main() -> None:
    """Measure and print."""
    text = make_config(AGENTS)
    index = Index()
    env = {"OPENAI_API_KEY": "none"}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    config = structure(read_text(text, env=env), index)
    assert len(config.of_kind("agent")) == AGENTS, "the config was not read in full"

    bare = cpu_s(lambda: yaml.load(text, Loader=loader))  # noqa: S506 - one of the two safe ones
    reading = cpu_s(lambda: read_text(text, env=env))
    whole = cpu_s(lambda: structure(read_text(text, env=env), index))
    size = len(text) / 1024
    print(f"validate a config of {AGENTS} agents ({size:.0f} KiB of YAML), CPU, median of {ROUNDS}")
    print(f"  bare yaml.load ({loader.__name__}) {bare * 1000:8.0f} ms")
    print(f"  read                          {reading * 1000:8.0f} ms")
    print(f"  read and check                {whole * 1000:8.0f} ms   bar {BAR_S * 1000:.0f} ms")
    print(f"  ratio to the bare load        {whole / bare:8.2f}")


if __name__ == "__main__":
    main()
