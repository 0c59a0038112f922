"""Whatever is wrong is told once, clearly, with the right exit code; and nothing half-built stays open."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))

from hector_forks import HectorForks, hector_forks

__all__ = ["hector_forks"]

HECTOR = (sys.executable, "-m", "hector")
VALIDATE, RUN, SERVE = (
    ("validate", "config.yaml"),
    ("run", "-c", "config.yaml", "hello"),
    ("serve", "-c", "config.yaml"),
)
GOOD = "llms: {default: {provider: offline}}\nagents: {a: {}}\n"

PLUGIN = '''\
import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from hector.plugin import hookimpl
from hector.spi import Provider


@attrs.frozen(kw_only=True)
class Settings:
    pass


class Model:
    model = provider = "test"

    async def generate(self, request):
        raise NotImplementedError
        yield


@asynccontextmanager
async def neighbour(settings, context):
    """Opens well: a child process, which is told to end when the component closes."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        Path("opened").write_text(str(child.pid))
        try:
            yield Model()
        finally:
            Path("closed").touch()


def raising(settings, context):
    raise ValueError("no such region: mars")


async def hanging(settings, context):
    if Path("hangs").exists():
        Path("hangs").write_text("now")  # a pipe that the test waits at
    await asyncio.sleep(3600)


def wrong(settings, context):
    return "a model"


@hookimpl
def hector_llm_providers():
    return [
        Provider(kind="llm", type=create.__name__, settings=Settings, create=create)
        for create in (neighbour, raising, hanging, wrong)
    ]
'''


@attrs.frozen
class Place:
    """A folder with a config and installed plugins."""

    folder: Path
    forks: HectorForks

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "site")}

    def config(self, text: str) -> None:
        (self.folder / "config.yaml").write_text(text)

    def install(self, name: str, source: str) -> None:
        site = self.folder / "site"
        info = site / f"hector_plugin_{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"hector_plugin_{name}.py").write_text(source)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: hector-plugin-{name}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[hector.plugins]\n{name} = hector_plugin_{name}\n")

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

    def hector(self, *args: str) -> subprocess.CompletedProcess[str]:
        return self.forks.run(*args, cwd=self.folder, env=self.environment, timeout_s=25)

    def refused(self, *args: str) -> str:
        """What is said by a command that must fail with exit code 1 and print nothing else."""
        done = self.hector(*args)

        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def place(tmp_path: Path, hector_forks: HectorForks) -> Place:
    return Place(tmp_path, hector_forks)


CONFIGS = {
    "an unknown key": (
        "agents: {a: {instructio: x}}\n",
        (
            "config.yaml:1:14: [H102] agents.a.instructio: unknown key\n"
            "  1 | agents: {a: {instructio: x}}\n"
            "    |              ^^^^^^^^^^ did you mean `instruction`?"
        ),
    ),
    "a wrong type": (
        f"{GOOD}server: {{port: soon}}\n",
        "config.yaml:3:16: [H103] server.port: expected ",
    ),
    "a value out of range": (
        f"{GOOD}server: {{port: 70000}}\n",
        "config.yaml:3:16: [H104] server.port: ",
    ),
    "a missing variable": (
        "name: ${NOBODY_SET_THIS}\n" + GOOD,
        "config.yaml:1:7: [H106] name: the variable `NOBODY_SET_THIS` is not set\n",
    ),
    "an unknown provider": (
        "llms: {default: {provider: ofline}}\nagents: {a: {}}\n",
        (
            "config.yaml:1:28: [H107] llms.default.provider: no installed plugin offers the LLM type `ofline`\n"
            "  1 | llms: {default: {provider: ofline}}\n"
            "    |                            ^^^^^^ did you mean `offline`? (one of: "
        ),
    ),
    "a provider whose package is not installed": (
        "vector_stores: {default: {type: pinecone}}\nagents: {a: {}}\n",
        "install it: pip install hector-plugin-pinecone (installed: ",
    ),
    "a dangling reference": (
        GOOD.replace("{a: {}}", "{a: {llm: fast}}"),
        "config.yaml:2:19: [H108] agents.a.llm: ",
    ),
    "a circular reference": (
        (
            "llms: {default: {provider: offline}}\n"
            "agents: {a: {sub_agents: [b]}, b: {sub_agents: [a]}}\n"
        ),
        "[H109] agents.b.sub_agents[0]: circular reference: agents.a → agents.b → agents.a\n",
    ),
    "what is not YAML": (
        "agents: {a: [}\n",
        "config.yaml:1:14: [H112] ",
    ),
    "a key given twice": (
        f"{GOOD}agents: {{}}\n",
        "config.yaml:3:1: [H118] agents: ",
    ),
}


@pytest.mark.parametrize("fault", CONFIGS)
def test_a_config_is_refused_where_it_is_wrong(place: Place, fault: str) -> None:
    """By `validate` and by `run`, with the same words."""
    config, expected = CONFIGS[fault]
    place.config(config)
    checked, run = place.refused(*VALIDATE), place.refused(*RUN)

    assert expected in checked
    assert checked.count("[H1") == 1
    problem, _, last = checked.rstrip("\n").rpartition("\n")
    assert last == "config.yaml: 1 problem"
    assert run == (
        f"{problem}\n1 problem: the config cannot be used. `hector validate` checks it again.\n"
    )


def test_a_server_refuses_a_config_with_the_same_words(place: Place) -> None:
    config, expected = CONFIGS["an unknown key"]
    place.config(config)

    assert expected in place.refused(*SERVE)


def make_missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_large(path: Path) -> None:
    path.write_text(GOOD + "# filler\n" * (10 * 1024 * 1024 // 9))


def make_binary(path: Path) -> None:
    path.write_bytes(b"agents: \xff\xfe\n")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_missing, "config.yaml: [H101] does not exist"),
        (make_folder, "config.yaml: [H101] is a folder, not a config file"),
        (make_large, "config.yaml: [H115] is larger than 4 MiB, the most a config may have"),
        (make_binary, "config.yaml:1: [H101] is not UTF-8: byte 0xff at offset 8"),
    ],
)
@pytest.mark.parametrize("command", [VALIDATE, RUN, SERVE], ids=lambda command: command[0])
def test_a_file_that_cannot_be_read_is_said_to_be_so(
    place: Place, make: Callable[[Path], None], problem: str, command: tuple[str, ...]
) -> None:
    make(place.folder / "config.yaml")

    assert place.refused(*command).splitlines()[0] == problem


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
def test_a_file_without_permission_is_said_to_be_so(place: Place) -> None:
    """What the system says when even its administrator may not: a name that leads to itself."""
    (place.folder / "config.yaml").symlink_to("config.yaml")

    said = place.refused(*VALIDATE)
    assert said.splitlines()[0].startswith("config.yaml: [H101] cannot be read: ")


TWIN = """\
import attrs
from hector.plugin import hookimpl
from hector.spi import Provider

@attrs.frozen(kw_only=True)
class Settings:
    pass

@hookimpl
def hector_llm_providers():
    return [Provider(kind="llm", type="twin", settings=Settings, create=lambda settings, context: None)]
"""


def test_two_plugins_with_one_type_must_be_chosen_between(place: Place) -> None:
    place.install("one", TWIN)
    place.install("two", TWIN)
    place.config("llms: {default: {provider: twin}}\nagents: {a: {}}\n")
    said = place.refused(*RUN)

    assert said.count("[H") == 1
    assert (
        "[H113] llms.default.provider: llm type `twin` is offered by "
        "hector-plugin-one 1.0 and hector-plugin-two 1.0\n"
    ) in said
    assert "choose with `plugins.prefer: {llm.twin: hector-plugin-one}`" in said


BROKEN_PLUGINS = {
    "at import": ("raise RuntimeError('half installed')\n", "RuntimeError: half installed"),
    "by leaving": (
        "raise SystemExit('I want no part in this')\n",
        "SystemExit: I want no part in this",
    ),
    "in a hook": (
        "from hector.plugin import hookimpl\n\n@hookimpl\ndef hector_llm_providers():\n    return 1 / 0\n",
        "ZeroDivisionError: division by zero",
    ),
    "by its syntax": ("def (:\n", "SyntaxError: invalid syntax (hector_plugin_broken.py, line 1)"),
}


@pytest.mark.parametrize("fault", BROKEN_PLUGINS)
def test_a_broken_plugin_is_named_where_it_is_needed_and_harmless_elsewhere(
    place: Place, fault: str
) -> None:
    source, reason = BROKEN_PLUGINS[fault]
    place.install("broken", source)
    place.config("llms: {default: {provider: broken}}\nagents: {a: {}}\n")
    said = place.refused(*RUN)

    assert said.count("[H") == 1
    assert (
        "[H116] llms.default.provider: llm type `broken`: "
        f"plugin broken (hector-plugin-broken 1.0) is failed: {reason}\n"
    ) in said
    assert "pip uninstall hector-plugin-broken" in said
    place.config(GOOD)
    assert place.hector(*RUN).returncode == 0


def built(first: str, second: str) -> str:
    return (
        f"llms: {{good: {{provider: neighbour}}, bad: {{provider: {first}}}}}\n"
        f"agents: {{a: {{llm: good}}, b: {{llm: bad}}}}\nserver: {{{second}}}\n"
    )


@pytest.mark.parametrize("command", [RUN, SERVE], ids=["run", "serve"])
@pytest.mark.parametrize(
    ("create", "error"),
    [
        (
            "raising",
            (
                "[H301] `llms.bad` did not open: ValueError: no such region: mars\n"
                "  hint: that is what the plugin of `raising` raised; --debug shows where\n"
            ),
        ),
        (
            "hanging",
            (
                "[H302] `llms.bad` did not open within 0.3 s\n"
                "  hint: raise server.build_timeout, or see what it waits for\n"
            ),
        ),
        (
            "wrong",
            (
                "[H303] `llms.bad` was created as a str, which is no llm: it lacks model, provider, generate\n"
                "  hint: the plugin's `create` must return what hector.spi says for this kind\n"
            ),
        ),
    ],
)
def test_a_component_that_does_not_come_up_takes_its_neighbours_down_in_order(
    place: Place, create: str, error: str, command: tuple[str, ...]
) -> None:
    """What had opened is closed: its child process is gone, and it was asked to end."""
    place.install("test", PLUGIN)
    port = ", port: 0"
    place.config(built(create, "build_timeout: 300ms" + port))
    began = time.monotonic()
    said = place.refused(*command)

    assert said == f"error: {error}"
    assert time.monotonic() - began < 15
    opened = place.folder / "opened"
    assert opened.exists() == (place.folder / "closed").exists()
    if opened.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(opened.read_text()), 0)


def test_a_port_in_use_is_said_before_anything_is_built(place: Place) -> None:
    place.install("test", PLUGIN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place.config(
            f"llms: {{good: {{provider: neighbour}}}}\nagents: {{a: {{llm: good}}}}\nserver: {{port: {port}}}\n"
        )
        said = place.refused(*SERVE)

    assert re.match(rf"error: \[H600\] .*127\.0\.0\.1.*{port}", said), said
    assert "hint: " in said
    assert len(said.splitlines()) == 2
    assert not (place.folder / "opened").exists()


@pytest.mark.parametrize("command", [RUN, SERVE], ids=["run", "serve"])
def test_an_interrupt_while_components_come_up_closes_what_is_open(
    place: Place, command: tuple[str, ...]
) -> None:
    place.install("test", PLUGIN)
    place.config(built("hanging", "port: 0"))
    os.mkfifo(place.folder / "hangs")
    with place.start(*command) as process:
        assert (place.folder / "hangs").read_text() == "now"
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)

    assert (process.returncode, said) == (130, ("", ""))
    assert (place.folder / "opened").exists() == (place.folder / "closed").exists()
