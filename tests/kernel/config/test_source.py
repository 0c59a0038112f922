"""Texts that stand in for files, snapshots of what was read, etags, and which files to watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from hector.config import ConfigText, read, watched_files
from hector.config.node import plain


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config that extends another one, which extends a third."""
    (tmp_path / "more").mkdir()
    (tmp_path / "config.yaml").write_text("extends: more/base.yaml\nname: one\n")
    (tmp_path / "more" / "base.yaml").write_text("extends: deep.toml\nversion: '1'\n")
    (tmp_path / "more" / "deep.toml").write_text('description = "deep"\n')
    return tmp_path / "config.yaml"


def test_a_text_stands_in_for_a_file(config: Path) -> None:
    """`extends` and `.env` come from its folder, and what is on disk is not read."""
    (config.parent / ".env").write_text("HECTOR_TEST_NAME=three\n")
    text = ConfigText("extends: more/base.yaml\nname: ${HECTOR_TEST_NAME}\n", "yaml", config)

    raw = read(text)

    assert plain(raw.root) == {"description": "deep", "version": "1", "name": "three"}
    assert raw.source.file == config
    assert raw.source.folder == config.parent


def test_the_etag_covers_what_is_extended(config: Path) -> None:
    """It is of the bytes: the same for a text as for the file, another one for any change."""
    first = read(config, env={}).source.etag
    assert read(ConfigText(config.read_text(), "yaml", config), env={}).source.etag == first

    (config.parent / "more" / "deep.toml").write_text('description = "other"\n')

    assert read(config, env={}).source.etag != first


def test_a_snapshot_brings_back_what_is_gone_from_disk(config: Path) -> None:
    """Bytes, etag and diagnostics' names are those of then; variables are read anew."""
    config.write_text("extends: more/base.yaml\nname: ${NAME}\n")
    before = read(config, env={"NAME": "old"})
    for file in before.source.files:
        file.unlink()

    after = read(before.source.snapshot, env={"NAME": "new"})

    assert plain(after.root) == {"description": "deep", "version": "1", "name": "new"}
    assert after.source.etag == before.source.etag
    assert after.texts == before.texts
    assert after.source.snapshot == before.source.snapshot


def test_a_snapshot_of_a_mapping_is_a_copy() -> None:
    """What the caller does to the mapping afterwards does not reach it."""
    mapping = {"name": "one", "agents": {"a": {"llm": "x"}}}
    before = read(mapping, env={})
    mapping["name"] = "two"

    after = read(before.source.snapshot, env={})

    assert plain(after.root)["name"] == "one"
    assert after.source.etag == before.source.etag


def test_a_snapshot_shows_no_content() -> None:
    """It may hold secrets."""
    assert "hush" not in repr(read({"llms": {"a": {"api_key": "hush"}}}, env={}).source)


def test_everything_that_is_extended_is_watched(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And every `.env`, whether it is there or not."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path / "more")

    files = watched_files(config)

    folder = config.parent
    assert files == (
        config,
        folder / "more" / "base.yaml",
        folder / "more" / "deep.toml",
        folder / ".env",
        folder / "more" / ".env",
        home / ".env",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", "extends: [more/base.yaml, gone.yaml]\nllms: {a: [\n"),
        ("config.yaml", "name: x\nextends:\n  - more/base.yaml\n  - gone.yaml\nx: 'open\n"),
        ("config.json", '{"extends": ["more/base.yaml", "gone.yaml"], "name": }'),
        ("config.toml", 'extends = [\n  "more/base.yaml",\n  "gone.yaml",\n]\n[llms.a]\nb = \n'),
    ],
)
def test_a_broken_config_is_watched_as_far_as_it_can_be_read(
    config: Path, name: str, text: str
) -> None:
    """The next good save may be one of what it extends, even of a file that does not exist yet."""
    file = config.parent / name
    file.write_text(text)

    files = watched_files(file)

    assert files[0] == file
    expected = {config.parent / "more" / "deep.toml", config.parent / "gone.yaml"}
    assert expected <= set(files)


def test_what_extends_itself_is_watched_once(tmp_path: Path) -> None:
    """A loop ends."""
    file = tmp_path / "config.yaml"
    file.write_text("extends: config.yaml\n")

    assert watched_files(file).count(file) == 1
