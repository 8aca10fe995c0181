"""A real PostgreSQL server of a test's own: initdb in a folder of its own, loopback only, stopped by its pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from tests.builders_automation import wait_for

OWNER = "postgres"
_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, the newest first; None where there is none."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]), reverse=True)
    beside = shutil.which("initdb")
    places = [p.parent for p in found] + ([Path(beside).resolve().parent] if beside else [])
    return next((place for place in places if (place / "postgres").is_file()), None)


def missing() -> str:
    """Return what is missing to run a server here; empty if nothing is."""
    if programs() is None:
        return "needs PostgreSQL: apt-get install postgresql"
    if os.geteuid() == 0 and not (_account() and shutil.which("setpriv")):
        return "needs the account postgres and setpriv: the server refuses to run as root"
    return ""


class Postgres:
    """One server; `url` is where it answers, the same after a restart."""

    def __init__(self, folder: Path, *, is_durable: bool = False) -> None:
        """Without `is_durable` it does not sync, which most tests do not need and all are quicker without."""
        self._sync = "on" if is_durable else "off"
        found = programs()
        assert found is not None, missing()
        self._programs = found
        self._data = folder / "data"
        self._sockets = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.url = f"postgresql://{OWNER}@127.0.0.1:{self.port}/steersman"
        self._run("initdb", "-D", str(self._data), "-U", OWNER, "--auth=trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Return once it takes connections."""
        settings = (f"fsync={self._sync}", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=200")
        words = ["-D", str(self._data), "-p", str(self.port), "-k", str(self._sockets)]
        words += [word for setting in settings for word in ("-c", setting)]
        self._process = subprocess.Popen(
            [*_as_owner(), str(self._programs / "postgres"), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._sockets,
        )
        wait_for(self._answers, timeout_s=30)

    def stop(self) -> None:
        """Return once it is gone, its connections cut ("fast shutdown")."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def create_database(self, name: str) -> str:
        """Make an empty database and return its address."""
        with psycopg.connect(self.url.replace("/steersman", "/postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url.replace("/steersman", f"/{name}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended while it started"
        try:
            with psycopg.connect(self.url.replace("/steersman", "/postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*_as_owner(), str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self._sockets,
        )


@contextlib.contextmanager
def a_postgres(*, is_durable: bool = False) -> Iterator[Postgres]:
    """Yield a running server with an empty database `steersman`; nothing of it is left after."""
    # Not tmp_path: its parents are closed to the account the server runs under.
    folder = Path(tempfile.mkdtemp(prefix="steersman-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER, OWNER)
        server = Postgres(folder, is_durable=is_durable)
        try:
            server.start()
            server.create_database("steersman")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> bool:
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        return False
    return True


def _as_owner() -> list[str]:
    """Return what a command of the server starts with here: root steps down, everybody else is the owner."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups", "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
