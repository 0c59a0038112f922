"""What a reload would do, key by key, without one secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import attrs
import pytest

from hector.config import ConfigText
from hector.errors import ConfigError
from hector.runtime.changes import compare
from hector.runtime.loading import ConfigLoader
from hector.runtime.plan import Plan
from hector.runtime.reload_report import Comparison, RestartNeed
from hector.spi import Provider, Reference, Secret


@attrs.frozen(kw_only=True)
class Options:
    """A nested class."""

    temperature: float = 1.0
    stop: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Chat:
    """An LLM of these tests."""

    api_key: Secret = Secret("none")  # noqa: RUF009 - a value
    options: Options = attrs.field(factory=Options)
    headers: Mapping[str, Secret] = attrs.field(factory=dict[str, Secret])


@attrs.frozen(kw_only=True)
class Helper:
    """An agent of these tests."""

    llm: Annotated[str, Reference("llm")] = "default"
    tools: Annotated[tuple[str, ...] | None, Reference("toolset", is_all_when_omitted=True)] = None


@attrs.frozen(kw_only=True)
class Box:
    """A toolset of these tests."""

    path: str = ""


def _build(_settings: Any, _context: Any) -> Any:
    raise AssertionError("nothing is built here")


def _build_otherwise(_settings: Any, _context: Any) -> Any:
    raise AssertionError("nothing is built here")


def _held(box: Box) -> tuple[str, ...]:
    if box.path == "broken":
        raise RuntimeError("with a secret")
    return (f"file:{box.path}",) if box.path else ()


CHAT = Provider(kind="llm", type="chat", settings=Chat, create=_build)
PROVIDERS = (
    CHAT,
    Provider(kind="llm", type="other", settings=Chat, create=_build_otherwise),
    Provider(kind="agent", type="helper", settings=Helper, create=_build),
    Provider(kind="toolset", type="box", settings=Box, create=_build, exclusive=_held),
)
BASE = """
name: app
llms:
  main:
    provider: chat
    api_key: k-1
    options: {temperature: 0.5, stop: [a, b]}
    headers: {X-Key: h-1}
agents:
  one: {type: helper, llm: main}
tools:
  box: {type: box}
"""


def plan(text: str, providers: tuple[Provider, ...] = PROVIDERS) -> Plan:
    return ConfigLoader(env={}, providers=providers).plan(ConfigText(text)).plan


def changed(*replacements: tuple[str, str]) -> Comparison:
    text = BASE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return compare(plan(BASE), plan(text))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("temperature: 0.5", "temperature: 0.6", "llms.main.options.temperature"),
        (", stop: [a, b]", ", stop: [a, c]", "llms.main.options.stop[1]"),
        (", stop: [a, b]", ", stop: [a]", "llms.main.options.stop[1]"),
        (", stop: [a, b]", "", "llms.main.options.stop[0]"),
        ("k-1", "k-2", "llms.main.api_key"),
        ("h-1", "h-2", "llms.main.headers.X-Key"),
        ("X-Key: h-1", "X-Key: h-1, New: n", "llms.main.headers.New"),
        ("provider: chat", "provider: other", "llms.main.provider"),
    ],
)
def test_a_rebuild_names_the_key_and_its_dependants_name_the_component(
    old: str, new: str, key: str
) -> None:
    """Nested keys, items of lists, secrets by their name only."""
    changes = changed((old, new)).changes

    assert list(changes) == ["agents.one", "llms.main"]
    assert key in changes["llms.main"].causes
    assert changes["agents.one"].causes == ("llms.main",)
    assert not {"k-2", "h-2"} & set(repr(changes).replace("'", " ").split())


def test_what_all_means_changes_with_what_there_is() -> None:
    """An agent that uses every toolset is rebuilt when one is added, by the key that would limit it."""
    comparison = changed(("  box: {type: box}", "  box: {type: box}\n  chest: {type: box}"))

    assert comparison.changes["tools.chest"].action == "add"
    assert comparison.changes["agents.one"].causes == ("agents.one.tools",)
    assert comparison.carried_over == 2


def test_another_provider_of_the_same_type_is_a_cause() -> None:
    """It is named by the distribution that brings it."""
    others = (attrs.evolve(CHAT, create=_build_otherwise), *PROVIDERS[1:])

    changes = compare(plan(BASE), plan(BASE, others)).changes

    assert changes["llms.main"].causes == ("plugin (embedding program)",)


def test_what_is_down_is_rebuilt_with_all_that_use_it() -> None:
    """Though not a byte of the config changed."""
    old = plan(BASE)

    comparison = compare(old, old, down=["llms.main"])

    assert {path: item.causes for path, item in comparison.changes.items()} == {
        "llms.main": ("down",),
        "agents.one": ("llms.main",),
    }
    assert not comparison.is_same


def test_a_thing_that_changes_hands_marks_both_sides() -> None:
    """A renamed component of the same folder waits for the old one; a new folder waits for nobody."""
    held = BASE.replace("{type: box}", "{type: box, path: /a}")
    renamed = compare(plan(held), plan(held.replace("  box:", "  chest:"))).changes
    moved = compare(plan(held), plan(held.replace("/a", "/b"))).changes

    assert {path: item.is_exclusive for path, item in renamed.items()} == {
        "agents.one": False,
        "tools.box": True,
        "tools.chest": True,
    }
    assert not any(item.is_exclusive for item in moved.values())


def test_two_claims_to_one_thing_are_refused() -> None:
    """H120 names both; nothing was built."""
    text = BASE + "  chest: {type: box, path: /a}\n  crate: {type: box, path: /a}\n"
    with pytest.raises(ConfigError) as caught:
        plan(text)

    (problem,) = caught.value.diagnostics
    assert str(problem) == (
        "14:3: [H120] tools.crate: `file:/a` belongs to `tools.chest` already, and only one can hold it\n"
        "  hint: use `tools.chest` for both, or give one of them another place"
    )


def test_a_disabled_component_claims_nothing() -> None:
    """It is not built."""
    text = BASE + "  chest: {type: box, path: /a}\n  crate: {type: box, path: /a, enabled: false}\n"

    assert plan(text).specs["tools.chest"].exclusive == {"file:/a"}


def test_a_provider_that_cannot_say_what_it_holds_is_broken() -> None:
    """What it raised may hold settings, and is not shown."""
    with pytest.raises(ConfigError) as caught:
        plan(BASE + "  chest: {type: box, path: broken}\n")

    (problem,) = caught.value.diagnostics
    assert problem.code == "H116"
    assert problem.message == "the plugin of `box` is broken: `exclusive` raised RuntimeError"


@pytest.mark.parametrize(
    ("old", "new", "need"),
    [
        (
            "name: app",
            "name: new",
            RestartNeed(subject="name", reason="sessions stay under `app`, the name is `new` now"),
        ),
        (
            "name: app",
            "name: app\nserver: {port: 9090}",
            RestartNeed(
                subject="server.port", reason="it was `8080` at the start, the config says `9090`"
            ),
        ),
        (
            "name: app",
            "name: app\nserver: {public_url: 'http://a'}",
            RestartNeed(
                subject="server.public_url",
                reason="it was nothing at the start, the config says `http://a`",
            ),
        ),
        (
            "name: app",
            "name: app\nlogger: {level: debug}",
            RestartNeed(subject="logger", reason="changed: logger.level"),
        ),
        (
            "name: app",
            "name: app\nserver: {observability: {metrics: {enabled: true}}}",
            RestartNeed(
                subject="server.observability",
                reason="changed: server.observability.metrics.enabled",
            ),
        ),
    ],
)
def test_what_only_a_restart_changes_is_said_with_its_reason(
    old: str, new: str, need: RestartNeed
) -> None:
    """And nothing is rebuilt for it."""
    comparison = changed((old, new))

    assert comparison.needs_restart == (need,)
    assert not comparison.changes
    assert not comparison.is_same


def test_a_need_stays_until_the_restart() -> None:
    """When the running config has the new port already, the one the process listens on still counts."""
    started = plan(BASE)
    running = plan(BASE + "server: {port: 9090}\n")

    assert not compare(running, running).needs_restart
    (need,) = compare(running, running, started=started.config).needs_restart
    assert need.subject == "server.port"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: app", "name: app\ndescription: d"),
        ("name: app", "name: app\nversion: '2'"),
        ("name: app", "name: app\nserver: {reload: {drain_timeout: 5}}"),
        ("llm: main}", "llm: main, visibility: internal}"),
        ("llm: main}", "llm: main, skills: [{id: s}]}"),
    ],
)
def test_what_no_component_depends_on_is_a_change_without_rebuilds(old: str, new: str) -> None:
    """Cards, visibility, names and draining take effect with a swap alone."""
    comparison = changed((old, new))

    assert not comparison.changes
    assert not comparison.needs_restart
    assert not comparison.is_same


@pytest.mark.parametrize(
    ("old", "new"),
    [("name: app", "\n# moved\nname: app"), ("0.5, stop: [a, b]", "0.50, stop: ['a', b]")],
)
def test_what_only_looks_different_is_the_same(old: str, new: str) -> None:
    """Comments, lines and quotes change nothing."""
    assert changed((old, new)).is_same


def test_the_folder_of_a_vector_store_is_its_own(tmp_path: Path) -> None:
    """Qdrant's embedded engine locks its folder, also under two names."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    text = "vector_stores:\n  a: {type: qdrant, path: data}\n  b: {type: qdrant, path: link}\n"
    with pytest.raises(ConfigError) as caught:
        ConfigLoader(env={}).plan(ConfigText(text, "yaml", tmp_path / "config.yaml"))

    (problem,) = caught.value.diagnostics
    assert problem.code == "H120"
    assert f"`file:{tmp_path.resolve() / 'data'}` belongs to `vector_stores.a`" in problem.message
