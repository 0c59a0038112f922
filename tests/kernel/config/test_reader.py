from __future__ import annotations

import time
from pathlib import Path

import pytest

from hector.config import read
from hector.config.node import plain
from hector.errors import ConfigError


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, env={})
    (diagnostic,) = caught.value.diagnostics
    return str(diagnostic).replace(f"{path.parent}/", "")


def test_the_suffix_tells_the_format(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "name: x"),
        ("b.YML", "name: x"),
        ("c.toml", 'name = "x"'),
        ("d.json", '{"name": "x"}'),
    ):
        (tmp_path / name).write_text(text)

        assert plain(read(tmp_path / name, env={}).root) == {"name": "x"}


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.ini"
    path.touch()

    assert refusal(path) == (
        "config.ini: [H101] a config ends in .yaml, .yml, .toml or .json, not `.ini`"
    )


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml") == "no.yaml: [H101] does not exist"


def test_a_folder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.mkdir()

    assert refusal(path) == "config.yaml: [H101] is a folder, not a config file"


def test_a_path_under_a_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = refusal(tmp_path / "file" / "config.yaml")

    assert found == "config.yaml: [H101] cannot be read: Not a directory"


def test_bytes_that_are_not_utf_8_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"name: x\ndescription: \xff\n")

    assert refusal(path) == "config.yaml:2: [H101] is not UTF-8: byte 0xff at offset 21"


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\n")

    assert plain(read(path, env={}).root) == {"name": "x"}


def test_a_file_of_10_mb_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"a: [" + b"1," * 5_000_000)
    started = time.process_time()

    found = refusal(path)

    assert time.process_time() - started < 0.5
    assert found == (
        "config.yaml: [H115] is larger than 4 MiB, the most a config may have\n"
        "  hint: split it with `extends`"
    )


def test_the_source_names_the_file_its_folder_and_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("name: x\n")
    first = read(path, env={}).source

    assert first.file == path
    assert first.files == (path,)
    assert first.folder == tmp_path
    assert read(path, env={}).source.etag == first.etag
    path.write_text("name: y\n")
    assert read(path, env={}).source.etag != first.etag


def test_a_relative_path_is_named_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("a: ${X}")
    monkeypatch.chdir(tmp_path)

    raw = read("config.yaml", env={})

    assert raw.problems[0].file == "config.yaml"
    assert raw.source.file == tmp_path / "config.yaml"
