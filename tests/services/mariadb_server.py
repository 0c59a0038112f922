"""A MariaDB server for tests: on the loopback, in a temporary folder, gone afterwards.

The programs are those of the machine, or else those of Debian's packages, which apt-get fetches and nobody installs:
they are unpacked into the cache. As root the server runs as another user.
`python tests/services/mariadb_server.py` fetches them if need be and says where they are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from server_process import ServerProcess

PASSWORD = "correct horse battery staple"
USER = "hector"
DATABASE = "hector"
FETCH_TIMEOUT_S = 300

# The server, and the libraries of it that a minimal Debian does not have.
PACKAGES = ("mariadb-server-core", "mariadb-common", "libaio1", "liburing2", "libnuma1")
SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
)


class NoMariaDBError(RuntimeError):
    """There is no MariaDB to be had. Tests that need one fail; they are never skipped."""


def _roots() -> Iterator[Path]:
    """What the programs may lie under, as Debian's packages lie under `/`."""
    named = os.environ.get("HECTOR_TEST_MARIADB")
    if named:
        yield Path(named)
        return
    yield Path("/")
    repository = Path(__file__).resolve().parents[2]
    cache = Path(os.environ.get("HECTOR_TEST_CACHE") or repository / ".cache") / "mariadb"
    if not (cache / "usr/sbin/mariadbd").is_file():
        _fetch(cache)
    yield cache


def _fetch(target: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = ["apt-get", "download", "-qq", *PACKAGES]
        done = _run(command, folder)
        if done.returncode and os.geteuid() == 0:  # a minimal image has no lists of packages
            _run(["apt-get", "update", "-qq"], folder)
            done = _run(command, folder)
        if done.returncode:
            raise NoMariaDBError(f"`{' '.join(command)}` failed:\n{done.stderr}")
        root = Path(folder) / "root"
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
        with contextlib.suppress(OSError):  # another run was faster
            root.rename(target)


def _run(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, timeout=FETCH_TIMEOUT_S, capture_output=True, text=True, check=False
    )


def find_programs() -> Path:
    """The folder that `usr/sbin/mariadbd` lies under: named by HECTOR_TEST_MARIADB, `/`, or the cache.

    Raises:
        NoMariaDBError: there is none.
    """
    for root in _roots():
        if (root / "usr/sbin/mariadbd").is_file() and (root / "usr/share/mysql").is_dir():
            return root
    raise NoMariaDBError(
        "no MariaDB: install the Debian package `mariadb-server`, or name the folder that it is unpacked in "
        "with HECTOR_TEST_MARIADB"
    )


class MariaDBServer(ServerProcess):
    """See `ServerProcess`."""

    name = "MariaDB"
    users = ("mysql", "nobody")
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = folder / "data"
        self._root = find_programs()

    @property
    def url(self) -> str:
        """The address with its password."""
        password = PASSWORD.replace(" ", "%20")
        return f"mysql://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the data folder with a user and a database."""
        if os.geteuid() == 0:
            self.use_another_user()
        self._data.mkdir()
        if self.as_user:
            os.chown(self._data, self.as_user["user"], self.as_user["group"])
        (self._data / "mysql").mkdir()
        if self.as_user:
            os.chown(self._data / "mysql", self.as_user["user"], self.as_user["group"])
        share = self._root / "usr/share/mysql"
        statements = ["create database if not exists mysql;", "use mysql;"]
        statements += ["set @auth_root_socket=null;", "set @skip_auth_anonymous=1;"]
        statements += [(share / name).read_text() for name in SYSTEM_TABLES]
        statements += [
            f"create database {DATABASE} character set utf8mb4;",
            "flush privileges;",
            f"create user {USER}@'%' identified by '{PASSWORD}';",
            f"grant all on *.* to {USER}@'%' with grant option;",
        ]
        done = subprocess.run(
            [*self._command(), "--bootstrap"],
            input="\n".join(statements).encode(),
            cwd="/",
            capture_output=True,
            check=False,
            timeout=120,
            env=self.environment(),
            **self.as_user,
        )
        if done.returncode:
            raise RuntimeError(f"MariaDB could not be prepared:\n{done.stderr.decode()[-3000:]}")

    def command(self) -> list[str]:
        return [
            *self._command(),
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 's'}",
            f"--pid-file={self.folder / 'pid'}",
            "--skip-name-resolve",
        ]

    def is_ready(self) -> bool:
        """A server that is ready greets whoever comes."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as opened:
                return len(opened.recv(5)) == 5
        except OSError:
            return False

    def _command(self) -> list[str]:
        return [
            str(self._root / "usr/sbin/mariadbd"),
            "--no-defaults",
            f"--basedir={self._root / 'usr'}",
            f"--lc-messages-dir={self._root / 'usr/share/mysql'}",
            f"--datadir={self._data}",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=96M",
            "--max-allowed-packet=64M",
        ]

    def environment(self) -> dict[str, str]:
        found = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        if self._root != Path("/"):
            folders = {str(path.parent) for path in (self._root / "usr/lib").glob("*/*.so*")}
            found["LD_LIBRARY_PATH"] = os.pathsep.join(sorted(folders))
        return found

    def use_another_user(self) -> None:
        super().use_another_user()
        if self._root != Path("/"):  # the cache may lie in a folder that is only root's
            copy = self.folder / "programs"
            shutil.copytree(self._root, copy, symlinks=True)
            self._root = copy


@contextlib.contextmanager
def running_mariadb() -> Generator[MariaDBServer]:
    """A new server with an empty database, for as long as it is held.

    Raises:
        NoMariaDBError: there is none to be had.
    """
    # Not below pytest's folders: those are closed to the user the server runs as.
    with tempfile.TemporaryDirectory(prefix="hector-mariadb-") as folder:
        server = MariaDBServer(Path(folder))
        server.prepare()
        try:
            server.start()
            yield server
        finally:
            server.kill()  # nobody needs the data any more


if __name__ == "__main__":
    try:
        print(find_programs())  # noqa: T201 - this is what it is for
    except NoMariaDBError as error:
        sys.exit(str(error))
