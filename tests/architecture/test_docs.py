"""The documentation says what the code does: its pages are up to date, its examples work, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import attrs
import click
import pytest
import yaml

import hector.testing
from hector import Runtime, check_config
from hector.cli.app import COMMANDS
from hector.config import render
from hector.plugin import HookSpecs
from hector.plugin.registry import build_registry

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
sys.path.insert(0, str(DOCS))  # its scripts stand in no package, and one imports another
PAGES = sorted(
    [
        REPOSITORY / "README.md",
        *DOCS.glob("*.md"),
        *(DOCS / "hooks").glob("*.md"),
        *(DOCS / "reference").glob("*.md"),
    ],
)
VARIABLES = {"OPENAI_API_KEY": "sk-not-a-key"}
"""What the examples expect of the environment."""

_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@attrs.frozen
class Block:
    """A fenced block.

    Attributes:
        page: its page, relative to the repository.
        line: 1-based line of the fence.
        language: the word after the fence.
        title: what it is a copy of, or empty.
        text: what is in it.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        """Its place, for the names of tests."""
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The blocks of some languages, of all pages."""
    return [block for page in PAGES for block in _blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    name = str(page.relative_to(REPOSITORY))
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(name, line, match[1], match[2] or "", match[3])


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """The ids that mkdocs gives to the headings of a page."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    words = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[-\s]+", "-", word) for word in words}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """`docs/generate.py`, which stands in no package."""
    return _script("generate")


def _script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------- generated pages


@pytest.mark.parametrize("name", ["commands.md", "errors.md", "laws.md", "settings.md"])
def test_generated_pages_are_up_to_date(name: str, generator: ModuleType) -> None:
    """Otherwise run `python docs/generate.py`."""
    expected = generator.PAGES[name]()

    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == expected


def test_the_pages_of_the_hooks_are_up_to_date() -> None:
    """Otherwise run `python docs/generate_hooks.py`."""
    expected = _script("generate_hooks").pages()

    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "hooks").iterdir()}
    assert written == expected


def test_every_code_of_a_config_problem_is_explained(generator: ModuleType) -> None:
    """Those that the kernel gives, no fewer and no more."""
    kernel = REPOSITORY / "core" / "hector"
    given = {
        code
        for path in kernel.rglob("*.py")
        for code in re.findall(r'"(H1\d\d)"', path.read_text(encoding="utf-8"))
    }

    assert set(generator.DIAGNOSTICS) == given - {"H100"}


def test_every_error_says_what_to_do(generator: ModuleType) -> None:
    codes = [cls.code for cls in generator.error_classes()]

    assert sorted(generator.REMEDIES) == sorted(codes)
    assert len(set(codes)) == len(codes)
    assert all(generator.REMEDIES[code] for code in codes if code != "H000")


def test_every_provider_of_the_house_is_in_the_settings_page() -> None:
    text = (DOCS / "reference/settings.md").read_text(encoding="utf-8")
    records = [record for record in build_registry().records if record.module.startswith("hector_")]
    offered = [provider for record in records for provider in record.providers]

    assert len(offered) > 15
    assert [item.type for item in offered if f"`{item.type}` of " not in text] == []


def test_the_plugin_page_names_every_hook_and_every_suite() -> None:
    text = (DOCS / "writing-plugins.md").read_text(encoding="utf-8")
    hooks = [name for name in dir(HookSpecs) if name.startswith("hector_")]
    suites = [name for name in hector.testing.__all__ if name.endswith("Suite")]

    assert [name for name in (*hooks, *suites) if f"`{name}`" not in text] == []


# ------------------------------------------------------------------------- examples


@pytest.mark.parametrize(
    "block", [item for item in blocks("yaml", "toml") if not item.title], ids=str
)
def test_config_examples_are_valid(block: Block) -> None:
    """Every one is a whole config."""
    is_yaml = block.language == "yaml"
    config = yaml.safe_load(block.text) if is_yaml else tomllib.loads(block.text)
    if "build-system" in config or "project" in config:
        pytest.fail("a pyproject.toml is shown with a title, as a copy of a file")

    assert check_config(config, env=VARIABLES) == ()


@pytest.mark.parametrize("block", [item for item in blocks("json") if not item.title], ids=str)
def test_json_examples_are_json(block: Block) -> None:
    assert isinstance(json.loads(block.text), dict)


@pytest.mark.parametrize("block", [item for item in blocks("python") if not item.title], ids=str)
def test_python_examples_run(block: Block, tmp_path: Path) -> None:
    """Each is a whole program, with its own assertions."""
    script = tmp_path / "example.py"
    script.write_text(block.text, encoding="utf-8")
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    for config in _blocks(REPOSITORY / block.page):  # a program may read the config of its page
        if config.title == "config.yaml":
            (tmp_path / config.title).write_text(config.text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", script],
        cwd=tmp_path,
        env=home,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "block", [item for item in blocks("python", "toml", "yaml") if "/" in item.title], ids=str
)
def test_a_block_that_shows_a_file_is_that_file(block: Block) -> None:
    """The whole of it, or in the README a part of it."""
    text = (REPOSITORY / block.title).read_text(encoding="utf-8")

    assert block.text in text if block.page == "README.md" else block.text == text


def test_the_shown_problems_of_a_config_are_those_that_hector_prints(tmp_path: Path) -> None:
    shown = {block.title: block.text for block in blocks("yaml", "console") if block.title}
    broken = shown["broken.yaml"]
    (tmp_path / "broken.yaml").write_text(broken, encoding="utf-8")

    problems = [
        attrs.evolve(problem, file="broken.yaml")
        for problem in check_config(tmp_path / "broken.yaml", env={})
    ]

    printed = "\n".join(render(problem, broken) for problem in problems)
    assert shown["hector validate broken.yaml"] == f"{printed}\nbroken.yaml: 5 problems\n"


def _commands() -> list[tuple[Block, list[str]]]:
    """Every command line of a console block that runs `hector`."""
    found: list[tuple[Block, list[str]]] = []
    for block in blocks("console"):
        for line in block.text.splitlines():
            if re.match(r"\$ (\S*/)?hector ", line):
                words = shlex.split(line.partition(" > ")[0], comments=True)
                found.append((block, words[2:]))
    return found


@pytest.mark.parametrize(("block", "words"), _commands(), ids=str)
def test_every_command_shown_exists_with_its_options(block: Block, words: list[str]) -> None:
    """Parsed as the command would, and not run."""
    module, _, attribute = COMMANDS[words[0]][0].partition(":")
    command: click.Command = getattr(__import__(module, fromlist=[attribute]), attribute)

    with command.make_context(f"hector {words[0]}", list(words[1:])) as context:
        assert context.params.keys() == {item.name for item in command.params if item.expose_value}


# ------------------------------------------------------------------------- links and the site


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_internal_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page

        assert goal.exists(), target
        if anchor:
            assert anchor in anchors(goal), target


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = [str(page.relative_to(DOCS)) for page in PAGES if DOCS in page.parents]

    assert sorted(listed) == sorted(pages)


def test_the_first_sentence_of_every_concept_says_what_it_is() -> None:
    """So that a reader, and a model that quotes, finds the definition at once."""
    text = (DOCS / "concepts.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)\n\n(.+)$", text, re.MULTILINE)

    assert len(sections) > 15
    for title, opening in sections:
        assert re.match(rf"(An? )?{re.escape(title)} (\([\w ]+\) )?is ", opening, re.IGNORECASE), (
            title
        )


def test_no_page_names_a_place_outside_of_the_project() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")

        assert not re.search(r"/(home|root|work|Users)/", text), page.name


# ------------------------------------------------------------------------- answers

ANSWERS = {
    "What is Hector?": "Hector is a config-first runtime for AI agents",
    "What is a plugin?": "A plugin is an installed Python distribution",
    "What is a provider?": "A provider is what a plugin contributes",
    "What is a generation?": "A generation is an immutable set of live components",
    "What is a lease?": "A lease is what an invocation holds on a generation while it runs.",
    "What is a session?": "A session is the log of one conversation",
    "What is an event?": "An event is one thing that happened in an invocation",
    "What is a chunker?": "A chunker is what cuts a document into chunks",
    "What is the offline model?": "The offline model is an extractive language model",
    "How do I install Hector?": "To install Hector, clone the repository and run `make run`",
    "How do I write a plugin?": "To write a plugin, make a Python package",
    "How do I disable a plugin?": "`plugins.disable` lists plugins",
    "How do I keep sessions in SQLite?": "backend: sql",
    "How do I set the port?": "To set the port, write `server.port` into the config",
    "How do I stop the server?": "To stop the server, press Ctrl-C",
    "How do I use a real model?": "A real model is used as soon as its API key is set",
    "How do I reload the config?": "To reload the config, call `await runtime.reload()`",
    "How do I call an agent with curl?": "A2A-Version: 1.0",
}


async def test_the_quickstart_answers_from_the_documentation() -> None:
    """What a newcomer asks first is answered by the offline model, from the right section."""
    text = (REPOSITORY / "examples/quickstart/config.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    config["llms"]["default"] = {"provider": "offline"}
    config["vector_stores"]["default"] = {"type": "chromem"}
    config["document_stores"]["docs"]["source"]["path"] = str(DOCS)

    answers: dict[str, str] = {}
    async with Runtime.open(config, env={}) as runtime:
        for question in ANSWERS:
            async for event in runtime.run("hector", question):
                if event.kind == "message":
                    answers[question] = event.text

    assert {
        item: answers[item] for item, part in ANSWERS.items() if part not in answers[item]
    } == {}
