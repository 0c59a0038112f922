"""`hector serve --watch` follows its files through everything that editors and deployments do to them."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from watch_stage import Served, config_text, serving_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and renames of POSIX")

Save = Callable[[Path, str], object]

numbers = itertools.count(1)


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def in_pieces(file: Path, text: str) -> None:
    """A writer that flushes now and then; what stands there in between is broken or empty."""
    with file.open("w") as stream:
        for start in range(0, len(text), 40):
            stream.write(text[start : start + 40])
            stream.flush()


def temporary_then_replace(file: Path, text: str) -> None:
    beside = file.with_name(f".{file.name}.tmp")
    beside.write_text(text)
    beside.replace(file)


def backup_then_rename(file: Path, text: str) -> None:
    """What vim does: try whether the folder can be written, move the old one away, write, remove it."""
    probe = file.with_name("4913")
    probe.touch()
    probe.unlink()
    backup = file.with_name(f"{file.name}~")
    file.rename(backup)
    file.write_text(text)
    file.chmod(0o644)
    backup.unlink()


def delete_then_create(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def missing_for_a_moment(file: Path, text: str) -> None:
    """Longer than the debounce."""
    file.unlink()
    time.sleep(0.25)
    file.write_text(text)


def link_elsewhere(file: Path, text: str) -> None:
    """The file becomes a link, and the next save another link."""
    target = file.with_name(f"target-{next(numbers)}.yaml")
    target.write_text(text)
    beside = file.with_name("link")
    beside.symlink_to(target.name)
    beside.replace(file)


def folder_swapped(file: Path, text: str) -> None:
    """Another folder takes the place of the one it is in."""
    old = file.parent
    new = old.with_name(f"{old.name}.new")
    shutil.copytree(old, new, symlinks=True)
    file = new / file.name
    file.unlink()
    file.write_text(text)
    away = old.with_name(f"{old.name}.{next(numbers)}")
    old.rename(away)
    new.rename(old)


def folder_above_swapped(file: Path, text: str) -> None:
    folder_swapped_at = file.parent.parent
    new = folder_swapped_at.with_name("above.new")
    shutil.copytree(folder_swapped_at, new, symlinks=True)
    inner = new / file.parent.name / file.name
    inner.unlink()
    inner.write_text(text)
    folder_swapped_at.rename(folder_swapped_at.with_name(f"above.{next(numbers)}"))
    new.rename(folder_swapped_at)


def folder_made_again(file: Path, text: str) -> None:
    shutil.rmtree(file.parent)
    file.parent.mkdir()
    file.write_text(text)


SAVES: list[Save] = [
    in_place,
    in_pieces,
    temporary_then_replace,
    backup_then_rename,
    delete_then_create,
    missing_for_a_moment,
    link_elsewhere,
    folder_swapped,
    folder_above_swapped,
    folder_made_again,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Served, Path]]:
    """One server for all of these, as each leaves it watching."""
    file = tmp_path_factory.mktemp("watched") / "above" / "conf" / "hector.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(config_text("Helps."))
    with serving_file(file, "--watch", env={"HOME": str(file.parents[2])}) as server:
        yield server, file


@pytest.mark.parametrize("save", SAVES)
def test_a_save_is_applied_once_however_it_is_made(served: tuple[Served, Path], save: Save) -> None:
    server, file = served
    since = server.mark
    for _ in range(2):  # the second time: nothing was lost from sight by the first
        text = f"Number {next(numbers)}"
        server.applies(text, lambda text=text: save(file, config_text(text)))
    assert server.count(r"reload \(", since=since) == 2


def test_what_changes_no_content_reloads_nothing(served: tuple[Served, Path]) -> None:
    server, file = served
    since = server.mark
    file.touch()
    file.chmod(0o600)
    file.write_text(file.read_text())
    temporary_then_replace(file, file.read_text())
    file.with_name("other.yaml").write_text("agents: {}")
    (file.parent / "folder").mkdir()
    server.applies("After the touch", lambda: in_place(file, config_text("After the touch")))

    assert server.count(r"reload \(", since=since) == 1


def test_a_name_that_is_no_text_beside_the_config_does_no_harm(
    served: tuple[Served, Path],
) -> None:
    server, file = served
    (file.parent / os.fsdecode(b"\xff\xfe")).touch()
    server.applies("Still there", lambda: in_place(file, config_text("Still there")))


def test_a_broken_save_is_told_as_validate_does_and_the_next_good_one_applies(
    served: tuple[Served, Path],
) -> None:
    server, file = served
    server.applies("Runs", lambda: in_place(file, config_text("Runs")))
    generation = int(server.line(r"generation (\d+) runs", since=server.mark - 1)[1])
    since = server.mark
    broken = config_text("Broken", more="    modle: x\n    llm: nobody\n")
    in_place(file, broken)
    server.line(rf"2 problems, .* generation {generation} goes on", since=since)
    told = server.lines[since:]
    validated = subprocess.run(
        [sys.executable, "-m", "hector", "validate", str(file)],
        capture_output=True,
        text=True,
        cwd=file.parent.parent,
        check=False,
    ).stderr.splitlines()
    assert "[H102] agents.helper.modle" in told[0]
    assert told[:-1] == validated[:-1]  # the last line sums up
    assert server.description() == "Runs"

    again = server.mark
    in_place(file, config_text("Runs"))
    server.line(rf"nothing changed, generation {generation} goes on", since=again)
    server.applies("Mended", lambda: in_place(file, config_text("Mended")))
    assert server.count(r"reload \(", since=since) == 3


def test_a_folder_that_stays_away_is_told_once_and_found_again(
    served: tuple[Served, Path],
) -> None:
    server, file = served
    since = server.mark
    shutil.rmtree(file.parent)
    server.line(r"hector\.yaml: \[H101\] does not exist", since=since)
    server.line(r"1 problem, .* goes on", since=since)
    server.description()
    file.parent.mkdir()
    server.applies("Back", lambda: in_place(file, config_text("Back")))
    assert server.count(r"reload \(", since=since) == 2


def test_a_port_in_the_config_is_told_to_need_a_restart(served: tuple[Served, Path]) -> None:
    server, file = served
    text = config_text("Elsewhere").replace("server: {", "server: {port: 1234, ")
    since = server.applies("Elsewhere", lambda: in_place(file, text))
    server.line(r"WARNING .*server\.port needs a restart: ", since=since)
    server.applies("Here", lambda: in_place(file, config_text("Here")))


def test_who_does_not_watch_does_not_load_what_watches(tmp_path: Path) -> None:
    """The start has a budget; watchfiles itself is imported by uvicorn wherever it is installed."""
    file = tmp_path / "conf" / "hector.yaml"
    file.parent.mkdir()
    file.write_text(config_text("Helps."))
    for arguments, expected in ((), 0), (("--watch",), 1):
        with serving_file(file, *arguments, python=["-X", "importtime"]) as server:
            if arguments:
                server.applies("Seen", lambda: in_place(file, config_text("Seen")))
        assert server.count(r"\| +hector_server\.watching\.watcher$") == expected


def test_env_files_are_followed_also_those_that_come_later(tmp_path: Path) -> None:
    """Beside the config, in the current folder and at home; the nearest wins."""
    file, home = tmp_path / "conf" / "hector.yaml", tmp_path / "home"
    file.parent.mkdir()
    home.mkdir()
    file.write_text(config_text("${WORD:-none}"))
    with serving_file(file, "--watch", env={"HOME": str(home)}) as server:
        assert server.description() == "none"
        server.applies("at home", lambda: (home / ".env").write_text("WORD=at home\n"))
        server.applies("current", lambda: (tmp_path / ".env").write_text("WORD=current\n"))
        near = file.with_name(".env")
        server.applies("near", lambda: near.write_text("WORD=near\n"))
        server.applies("nearer", lambda: temporary_then_replace(near, "WORD=nearer\n"))
        server.applies("current", near.unlink)


def test_what_it_extends_is_followed_also_when_a_broken_save_named_it(tmp_path: Path) -> None:
    file = tmp_path / "conf" / "hector.yaml"
    base, far = file.with_name("base.yaml"), tmp_path / "far" / "deep.yaml"
    file.parent.mkdir()
    file.write_text(config_text("Alone"))
    with serving_file(file, "--watch", env={"HOME": str(tmp_path)}) as server:
        based = config_text("${FROM}", extends="base.yaml").replace(
            "    description: ${FROM}\n", "    type: llm\n"
        )
        since = server.mark
        in_place(file, based)
        server.line(r"\[H114\] extends: `base\.yaml` does not exist", since=since)
        server.line(r"goes on", since=since)
        server.applies("Base", lambda: base.write_text("agents: {helper: {description: Base}}\n"))
        since = server.mark
        base.write_text("extends: ../far/deep.yaml\nagents: {helper: {descriptoin: x}}\n")
        server.line(r"goes on", since=since)
        far.parent.mkdir()  # still broken: `deep.yaml` is not there, and base.yaml has its typo
        since = server.mark
        far.write_text("agents: {helper: {description: Deep}}\n")
        server.line(r"\[H102\] agents\.helper\.descriptoin", since=since)
        server.line(r"goes on", since=since)
        server.applies("Deep", lambda: base.write_text("extends: ../far/deep.yaml\n"))
        server.applies(
            "Deeper",
            lambda: temporary_then_replace(far, "agents: {helper: {description: Deeper}}\n"),
        )


def test_a_config_map_is_followed_from_swap_to_swap(tmp_path: Path) -> None:
    """Kubernetes: `hector.yaml` and `base.yaml` link into `..data`, itself a link, which is replaced."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def put(description: str) -> None:
        data = mount / f"..{next(numbers)}"
        data.mkdir()
        (data / "hector.yaml").write_text(
            "extends: base.yaml\n"
            + config_text("x").replace("    description: x\n", "    type: llm\n")
        )
        (data / "base.yaml").write_text(f"agents: {{helper: {{description: {description}}}}}\n")
        link = mount / "..data_tmp"
        link.symlink_to(data.name)
        old = (mount / "..data").resolve() if (mount / "..data").exists() else None
        link.replace(mount / "..data")
        if old is not None:
            shutil.rmtree(old)

    put("First")
    for name in ("hector.yaml", "base.yaml"):
        (mount / name).symlink_to(f"..data/{name}")
    with serving_file(mount / "hector.yaml", "--watch", env={"HOME": str(tmp_path)}) as server:
        assert server.description() == "First"
        for text in ("Second", "Third", "Fourth"):
            server.applies(text, lambda text=text: put(text))


def test_a_release_is_followed_when_the_link_to_it_is_swapped(tmp_path: Path) -> None:
    """`current` links to the folder of a release, an absolute link this time."""

    def release(text: str) -> None:
        folder = tmp_path / "releases" / text
        folder.mkdir(parents=True)
        (folder / "hector.yaml").write_text(config_text(text))
        link = tmp_path / "next"
        link.symlink_to(folder)
        link.replace(tmp_path / "current")

    release("One")
    with serving_file(
        tmp_path / "current" / "hector.yaml", "--watch", env={"HOME": str(tmp_path)}
    ) as server:
        server.applies("Two", lambda: release("Two"))
        inside = tmp_path / "releases" / "Two" / "hector.yaml"
        server.applies("Two and a half", lambda: inside.write_text(config_text("Two and a half")))
        server.applies("Three", lambda: release("Three"))


def test_where_the_system_tells_nothing_the_files_are_looked_at(tmp_path: Path) -> None:
    """The variable is watchfiles' own; two saves within one second, of one length, are both seen."""
    file = tmp_path / "conf" / "hector.yaml"
    file.parent.mkdir()
    file.write_text(config_text("Number 0"))
    env = {"HOME": str(tmp_path), "WATCHFILES_FORCE_POLLING": "1", "WATCHFILES_POLL_DELAY_MS": "20"}
    with serving_file(file, "--watch", env=env) as server:
        for number in range(1, 4):
            text = f"Number {number}"
            server.applies(text, lambda text=text: in_place(file, config_text(text)))
        server.applies("Replaced", lambda: temporary_then_replace(file, config_text("Replaced")))
        server.applies("Away", lambda: folder_made_again(file, config_text("Away")))
