"""The registry: who offers what, and what is said when nobody or everybody does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hector.config import ProviderProblem
from hector.plugin.records import PluginRecord
from hector.plugin.registry import Registry, build_registry
from hector.plugin.requirements import unmet_requirements
from hector.runtime import check_config
from hector.spi import Provider

Install = Callable[..., None]
Source = Callable[[str], str]


def record(registry: Registry, name: str) -> PluginRecord:
    (found,) = [item for item in registry.records if item.name == name]
    return found


def test_an_installed_plugin_is_found_and_its_provider_offered(
    install: Install, provider_source: Source
) -> None:
    """An entry point is all it takes."""
    install("hector-plugin-alpha", "alpha", provider_source("alpha"))

    registry = build_registry()

    found = registry.find("llm", "alpha")
    assert isinstance(found, Provider)
    assert record(registry, "alpha").state == "loaded"
    assert record(registry, "alpha").label == "alpha (hector-plugin-alpha 1.0)"
    assert registry.find("llm", "hector-plugin-alpha:alpha") is found


def test_records_are_sorted_by_distribution_and_name(
    install: Install, provider_source: Source
) -> None:
    """The order does not depend on how directories are listed."""
    install("hector-plugin-zeta", "a", provider_source("z"))
    install("hector-plugin-beta", "b", provider_source("b"))

    records = build_registry().records

    keys = [(item.distribution.lower(), item.name) for item in records]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise RuntimeError('no driver')", "RuntimeError: no driver"),
        ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (
            "from hector.plugin import hookimpl\n@hookimpl\ndef hector_llm_providers():\n    raise ValueError('x')",
            "ValueError: x",
        ),
        (
            "from hector.plugin import hookimpl\n@hookimpl\ndef hector_llm_providers():\n    return [1]",
            "TypeError: hector_llm_providers gave a int, not a hector.spi.Provider",
        ),
        (
            "from hector.plugin import hookimpl\n@hookimpl\ndef hector_lm_providers():\n    return []",
            "unknown hook 'hector_lm_providers' in plugin",
        ),
        (
            "from hector.plugin import hookimpl\n@hookimpl\ndef hector_llm_providers(wrong):\n    return []",
            "Argument(s) {'wrong'} are declared in the hookimpl but can not be found in the hookspec",
        ),
    ],
)
def test_a_broken_plugin_is_a_record_with_its_error_and_costs_nobody_else(
    install: Install, provider_source: Source, source: str, error: str
) -> None:
    """Import errors, exits, raising hooks and misspelt hooks are data."""
    install("hector-plugin-broken", "broken", source)
    install("hector-plugin-fine", "fine", provider_source("fine"))

    registry = build_registry()

    broken = record(registry, "broken")
    assert broken.state == "failed"
    assert broken.error is not None
    assert error in broken.error
    assert broken.remedy is not None
    assert "pip uninstall hector-plugin-broken" in broken.remedy
    assert isinstance(registry.find("llm", "fine"), Provider)
    assert isinstance(registry.find("agent", "llm"), Provider)


def test_a_type_of_a_failed_plugin_is_missed_with_the_plugins_own_error(install: Install) -> None:
    """Whoever needs it learns which plugin, why and what to do."""
    install("hector-plugin-broken", "broken", "raise RuntimeError('no driver')")

    problem = build_registry().find("llm", "broken")

    assert problem == ProviderProblem(
        code="H116",
        message="llm type `broken`: plugin broken (hector-plugin-broken 1.0) is failed: RuntimeError: no driver",
        hint="repair or remove it (pip uninstall hector-plugin-broken), or list it in plugins.disable",
    )


def test_two_plugins_with_one_type_are_an_error_that_names_both_until_one_is_preferred(
    install: Install, provider_source: Source
) -> None:
    """Nobody wins silently."""
    install("hector-plugin-one", "one", provider_source("same"), version="1.1")
    install("hector-plugin-two", "two", provider_source("same"), version="2.2")

    registry = build_registry()
    problem = registry.find("llm", "same")

    assert problem == ProviderProblem(
        code="H113",
        message="llm type `same` is offered by hector-plugin-one 1.1 and hector-plugin-two 2.2",
        hint="choose with `plugins.prefer: {llm.same: hector-plugin-one}`, or write `hector-plugin-one:same`",
    )
    assert isinstance(registry.find("llm", "hector-plugin-two:same"), Provider)
    preferring = build_registry(prefer={"llm.same": "hector-plugin-two"})
    assert preferring.find("llm", "same") is preferring.find("llm", "hector-plugin-two:same")


def test_a_disabled_plugin_is_not_imported(install: Install) -> None:
    """Blocking happens before the import, by plugin or by distribution."""
    install("hector-plugin-loud", "loud", "raise AssertionError('was imported')")

    for name in ("loud", "hector-plugin-loud"):
        blocked = record(build_registry(disable=(name,)), "loud")

        assert blocked.state == "blocked"
        assert blocked.error == "it is listed in plugins.disable"


def test_a_plugin_of_another_api_level_is_not_imported(install: Install) -> None:
    """The level is read from the metadata, before any code runs."""
    install("hector-plugin-new", "new", "raise AssertionError('was imported')", level="level_99")

    incompatible = record(build_registry(), "new")

    assert incompatible.state == "incompatible"
    assert incompatible.error == "it was written for API level 99, this Hector speaks 1"
    assert incompatible.remedy == "upgrade hector, or install an older version of the plugin"


def test_a_plugin_installed_after_the_first_build_is_found_by_the_next(
    install: Install, provider_source: Source
) -> None:
    """A rescan does not trust what was cached."""
    before = build_registry()
    install("hector-plugin-late", "late", provider_source("late"))

    after = build_registry()

    assert isinstance(before.find("llm", "late"), ProviderProblem)
    assert isinstance(after.find("llm", "late"), Provider)


def test_upgraded_code_is_reported_and_not_imported_again(
    install: Install, provider_source: Source
) -> None:
    """The running code stays what it was; a restart is asked for."""
    install("hector-plugin-aged", "aged", provider_source("aged"), version="1.0")
    build_registry()
    install("hector-plugin-aged", "aged", provider_source("aged2"), version="1.1")

    registry = build_registry()

    assert record(registry, "aged").version == "1.0"
    assert record(registry, "aged").installed_version == "1.1"
    assert isinstance(registry.find("llm", "aged"), Provider)
    assert isinstance(registry.find("llm", "aged2"), ProviderProblem)


def test_an_unknown_type_is_missed_with_the_nearest_one_and_the_package() -> None:
    """Both the typo and the missing package are answered."""
    registry = build_registry(disable=("openai",))

    typo = registry.find("agent", "sequentail")

    assert isinstance(typo, ProviderProblem)
    assert typo.code == "H107"
    assert "sequential" in (typo.hint or "")
    missing = registry.find("vector_store", "pinecone")
    assert isinstance(missing, ProviderProblem)
    assert "pip install hector-plugin-pinecone" in (missing.hint or "")


def test_every_requirement_that_is_not_met_is_reported_at_once() -> None:
    """PEP 508: missing, too old, malformed, not for this platform."""
    specifiers = (
        "hector",
        "hector>=99",
        "hector-plugin-nowhere>=1",
        "not a specifier!",
        "nothing; python_version < '3'",
    )

    unmet = dict(unmet_requirements(specifiers))

    assert set(unmet) == {"hector>=99", "hector-plugin-nowhere>=1", "not a specifier!"}
    assert unmet["hector-plugin-nowhere>=1"] == "hector-plugin-nowhere is not installed"
    assert unmet["hector>=99"] == "hector 0.1.0 is installed, >=99 is required"


def test_collecting_the_standard_plugins_imports_no_heavy_library() -> None:
    """Declarations are light: what a provider needs is imported when it creates something."""
    code = (
        "import sys; from hector.plugin.registry import build_registry; build_registry();"
        "heavy = {'numpy','openai','mcp','qdrant_client','qdrant_edge','aiosqlite','starlette','httpx','opentelemetry',"
        "'httpx2','anyio','regex','selectolax'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_settings_that_are_named_are_imported_when_a_config_names_their_type(
    install: Install, tmp_path: Path
) -> None:
    """So that a plugin of many providers costs nothing where none of them is used."""
    install(
        "hector-plugin-alpha",
        "alpha",
        "from hector.plugin import hookimpl\nfrom hector.spi import Provider\n\n\n"
        "@hookimpl\ndef hector_llm_providers():\n"
        "    return [Provider(kind='llm', type='alpha', settings='alpha_settings:Alpha', create='a:b')]\n",
    )
    (tmp_path / "alpha_settings.py").write_text(
        "import attrs\n\n\n@attrs.frozen(kw_only=True)\nclass Alpha:\n    size: int = 1\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        provider = build_registry().find("llm", "alpha")
        assert isinstance(provider, Provider)
        assert "alpha_settings" not in sys.modules
        problems = check_config({"llms": {"a": {"provider": "alpha", "size": "big"}}, "agents": {}})
        assert "alpha_settings" in sys.modules
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("alpha_settings", None)
    assert [item.path for item in problems] == ["llms.a.size"]
