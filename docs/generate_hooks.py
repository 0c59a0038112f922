"""Write the pages of `docs/hooks`, one per hook, from the code; `--check` only says which are out of date.

What a hook is comes from its hookspec, the contract from the source of the Protocol, the laws from the suites, and the
example from the templates of `hector plugins new`, which are tested for every kind.
"""  # noqa: INP001 - a script beside the pages it writes

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import click

import hector.spi
from hector.cli.scaffold import KIND_TEXTS
from hector.plugin import HookSpecs
from hector.plugin.collect import HOOKS
from hector.spi import LLM_CAPABILITIES, Kind
from hector.testing.laws import FAMILIES, all_laws

REPOSITORY = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "hooks"
TEMPLATES = "core/hector/cli/scaffold/templates"
NOTE = "<!-- Written by docs/generate_hooks.py; change the code, then run it again. -->\n"


@attrs.frozen(kw_only=True)
class Hook:
    """What a page says beside the code.

    Attributes:
        title: what it offers.
        protocols: names in `hector.spi`, the component's own first; the others are what it may be, too.
        place: where its settings stand in the config.
        selector: the key that names the type; empty when no entry selects it.
        notes: what else to know, in paragraphs.
    """

    title: str
    protocols: tuple[str, ...]
    place: str
    selector: str
    notes: tuple[str, ...] = ()


PAGES: Mapping[Kind, Hook] = {
    "llm": Hook(
        title="Models",
        protocols=("LLM", "LimitedLLM", "TokenCountingLLM"),
        place="llms.<name>",
        selector="provider",
        notes=(
            (
                "What a model does beside answering in text, its provider claims in `capabilities`: "
                + ", ".join(f"`{word}`" for word in LLM_CAPABILITIES)
                + ". What is claimed is tested. What is asked for and not claimed is refused with "
                "`UnsupportedError` before anything is sent, which `require_capabilities` does."
            ),
            (
                "A model behind a network inherits `LLMWireSuite`, too, and stands on what [A model behind a "
                "network](../writing-plugins.md#a-model-behind-a-network) lists."
            ),
        ),
    ),
    "embedder": Hook(
        title="Embedders",
        protocols=("Embedder", "IdentifiedEmbedder"),
        place="embedders.<name>",
        selector="provider",
        notes=(
            (
                "`model` stands for everything that decides a vector: a document store indexes anew when it "
                "changes, and mixes old vectors with new ones when it does not. Where more settings than the name "
                "of a model decide, take a digest of them into it, and the library's version where that changes "
                "vectors; `identity` says the same and adds the server and the dimension. An embedder claims no "
                "capabilities."
            ),
            (
                "Vectors may have any length, and a text without anything to go by may have the zero vector: stores "
                "compare by cosine."
            ),
            (
                "An embedder behind a network inherits `EmbedderWireSuite`, too. One that computes in the process "
                "keeps [off the loop](../writing-plugins.md#a-library-in-the-process)."
            ),
        ),
    ),
    "vector_store": Hook(
        title="Vector stores",
        protocols=("VectorStore",),
        place="vector_stores.<name>",
        selector="type",
        notes=(
            (
                "Filters are values of `hector.spi` (`Equals`, `In`, `Compare`, `Exists`, `Not`, `All`, "
                "`AnyOf`), and `hector.spi.matches` says exactly what each means: translate them to what "
                "the engine has, and ask `matches` for the rest."
            ),
            (
                "A store that locks a folder or a port names it in `exclusive` of its `Provider`: see "
                "[Hooks](../writing-plugins.md#hooks)."
            ),
        ),
    ),
    "toolset": Hook(
        title="Toolsets",
        protocols=("Toolset", "Tool", "LookupTool"),
        place="tools.<name>",
        selector="type",
        notes=(
            "`hector.spi.function_tool` makes a tool of a function with types and a docstring.",
            (
                "`ToolSpec.effect` says what happens to a call that a crash cut off: `pure` and `idempotent` "
                "run again, `lookup` is asked, `unsafe` waits for a person. Say the truth."
            ),
        ),
    ),
    "agent": Hook(
        title="Agent types",
        protocols=("Agent", "Invocation"),
        place="agents.<name>",
        selector="type",
        notes=(
            (
                "An agent is built from what its settings refer to: `context.llm(settings.llm)`, "
                "`context.agent(name)`. A key that names a component is marked with `Reference`, so that "
                "the component is open before the agent is built."
            ),
        ),
    ),
    "document_source": Hook(
        title="Document sources",
        protocols=("DocumentSource",),
        place="document_stores.<name>.source",
        selector="type",
    ),
    "document_parser": Hook(
        title="Document parsers",
        protocols=("DocumentParser",),
        place="",
        selector="",
        notes=(
            (
                "No entry of the config selects a parser, so that its settings have no keys: every parser that "
                "is installed is asked about each document, and the first that accepts it reads it."
            ),
        ),
    ),
    "chunker": Hook(
        title="Chunkers",
        protocols=("Chunker",),
        place="document_stores.<name>.chunking",
        selector="strategy",
    ),
    "session_backend": Hook(
        title="Session stores",
        protocols=("Sessions", "TaskSource", "Tasks"),
        place="databases.<name>",
        selector="driver",
        notes=(
            (
                "A store that is a `TaskSource`, too, lets invocations survive a crash. What all stores on a "
                "database server do alike stands in `hector.spi.session_stores`; `hector.spi.session_rules` "
                "has the rules at the edges (keys, cursors, words of errors)."
            ),
            (
                "A store inherits `SessionsSuite`; one with tasks `TasksSuite`; and one that can search what "
                "was said `MemoryStoreSuite`."
            ),
        ),
    ),
}


def page(name: str, kind: Kind) -> str:
    """The page of a provider hook."""
    hook = PAGES[kind]
    lines = [NOTE, f"# {hook.title}: `{name}`\n", *_opening(name, kind, hook)]
    lines += [f"{note}\n" for note in hook.notes]
    lines += ["## Contract\n", *_contracts(hook)]
    lines += ["## Laws\n", *_laws(kind)]
    lines += ["## Example\n", *_example(kind)]
    return "\n".join(lines)


def _opening(name: str, kind: Kind, hook: Hook) -> Iterator[str]:
    yield (
        f"The hook `{name}` offers providers of kind `{kind}`: `create` gives a "
        f"`hector.spi.{hook.protocols[0]}`.\n"
    )
    if hook.place:
        yield (
            f"Its settings stand in `{hook.place}` of the config, where `{hook.selector}` names the type.\n"
        )
    word = kind.replace("_", "-")
    yield f"```console\n$ hector plugins new NAME --kind {word}\n```\n"


def _contracts(hook: Hook) -> Iterator[str]:
    yield "What a component must do stands in the Protocol, word for word:\n"
    for name in hook.protocols:
        protocol: Any = getattr(hector.spi, name)
        yield f"```py\n{inspect.getsource(protocol).rstrip()}\n```\n"


def _laws(kind: Kind) -> Iterator[str]:
    suites = [family.suite for family in FAMILIES.values() if family.kind == kind]
    named = ", ".join(f"`{suite}`" for suite in ("ProviderSuite", *suites))
    yield f"The suites of `hector.testing` hold the laws: {named}. `hector laws` says more of each.\n"
    yield "| law | claim |"
    yield "|---|---|"
    for law in all_laws():
        if law.kind == kind:
            yield f"| {law.id} | {law.claim.replace('|', chr(92) + '|')} |"
    yield "\nBeside them stand the [laws of every provider](index.md#laws-of-every-provider).\n"


def _example(kind: Kind) -> Iterator[str]:
    yield (
        "This is what `hector plugins new` writes, with `sample` for the plugin's name. "
        f"{KIND_TEXTS[kind].next}\n"
    )
    for module in ("__init__", "settings", KIND_TEXTS[kind].main, "conformance"):
        path = f"{TEMPLATES}/{kind}/src/hector_plugin_sample/{module}.py.tmpl"
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        yield f'```python title="{path}"\n{text}```\n'


# ------------------------------------------------------------------------------ the other pages


def index_page() -> str:
    """All hooks, and the laws that hold for every provider."""
    lines = [
        NOTE,
        "# Hooks\n",
        (
            "A hook is a function of a plugin's module that Hector calls. Each has a page with its contract, "
            "its laws and an example.\n"
        ),
        "| hook | kind | Protocol in `hector.spi` |",
        "|---|---|---|",
        *(
            f"| [`{name}`]({name}.md) | `{kind}` | `{PAGES[kind].protocols[0]}` |"
            for name, kind in HOOKS.items()
        ),
        "| [`hector_before_swap`](hector_before_swap.md) | | is asked before a reload takes over |",
        "| [`hector_after_swap`](hector_after_swap.md) | | hears of a reload |",
        "\n## Laws of every provider\n",
        "Whatever its kind, a provider keeps these laws, which `hector.testing.ProviderSuite` holds.\n",
        "| law | claim | why |",
        "|---|---|---|",
        *(f"| {law.id} | {law.claim} | {law.why} |" for law in all_laws() if law.kind == "any"),
        "\n## What has no hook yet\n",
        (
            "Guardrails and task runners have no hook in this version: invocations run in Hector's own process, "
            "on the tasks of the session store. There is no suite for them either.\n"
        ),
    ]
    return "\n".join(lines)


def lifecycle_page(name: str) -> str:
    """The page of a lifecycle hook."""
    function: Callable[..., Any] = getattr(HookSpecs, name)
    text = inspect.cleandoc(inspect.getdoc(function) or "")
    opening, _, rest = text.partition("\n\n")
    before, _, _ = rest.partition("\n\nArgs:")
    return "\n".join(
        [
            NOTE,
            f"# Lifecycle: `{name}`\n",
            f"{opening}\n",
            f"{before}\n",
            "It is given a `hector.spi.GenerationChange`:\n",
            f"```py\n{inspect.getsource(hector.spi.GenerationChange).rstrip()}\n```\n",
            (
                "An example with both hooks stands in "
                "[Writing a plugin](../writing-plugins.md#lifecycle-hooks).\n"
            ),
        ]
    )


def pages() -> Mapping[str, str]:
    """File name to content."""
    made = {f"{name}.md": page(name, kind) for name, kind in HOOKS.items()}
    for name in ("hector_before_swap", "hector_after_swap"):
        made[f"{name}.md"] = lifecycle_page(name)
    return {"index.md": index_page(), **made}


def main() -> int:
    """Write the pages, or with `--check` say which would change; the exit code says whether any would."""
    is_check = "--check" in sys.argv[1:]
    stale: list[str] = []
    for name, text in pages().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not is_check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        click.echo(f"{'out of date' if is_check else 'wrote'}: docs/hooks/{name}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
