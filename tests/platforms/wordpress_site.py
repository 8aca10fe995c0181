"""A real WordPress for as long as it is needed: Debian's files, a MariaDB of its own on a socket, PHP on loopback."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILES: Final = Path("/usr/share/wordpress")
_PHP: Final = Path(__file__).parent / "wordpress"
_START_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RealWordPress:
    """A site that answers at `url` (no slash at its end), and what it alone knows."""

    url: str
    folder: Path
    environment: Mapping[str, str]

    def php(self, script: str, *arguments: str) -> str:
        """Run a script of ours inside WordPress and return what it prints."""
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", str(_PHP / script), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{script} failed: {done.stderr or done.stdout}"
        return done.stdout.strip()

    def password(self, user: str, role: str) -> str:
        """Return a new application password of `user`, who is made with that role."""
        return self.php("application_password.php", user, role)

    def posts(self) -> dict[str, int]:
        """Return how many published posts there are by slug, a `-2` counted with what it doubles."""
        found: dict[str, int] = json.loads(self.php("count.php") or "{}")
        return found

    def permalinks(self, structure: str) -> None:
        """Set the style of addresses; empty: plain (`/?p=1`)."""
        self.php("permalinks.php", structure)


@contextmanager
def wordpress(folder: Path) -> Iterator[RealWordPress]:
    """Install WordPress into `folder` by its own installer, serve it, and take it down again."""
    site, port = folder / "site", _free_port()
    shutil.copytree(FILES, site, symlinks=False, ignore_dangling_symlinks=True)
    (site / "wp-content" / "uploads").mkdir(parents=True, exist_ok=True)
    shutil.copy(_PHP / "wp-config.php", site / "wp-config.php")
    url = f"http://127.0.0.1:{port}"
    environment = {
        "STEERSMAN_WP_SITE": str(site),
        "STEERSMAN_WP_URL": url,
        "STEERSMAN_WP_SOCKET": str(folder / "db.sock"),
    }
    with _database(folder), _served(site, port, environment, folder / "php.log"):
        _install(url)
        yield RealWordPress(url=url, folder=folder, environment=environment)


@contextmanager
def _database(folder: Path) -> Iterator[None]:
    data, user = folder / "db", getpass.getuser()
    plain = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
    subprocess.run(
        ["mariadb-install-db", *plain, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    with (folder / "db.log").open("wb") as log:
        server = subprocess.Popen(
            [
                shutil.which("mariadbd") or "/usr/sbin/mariadbd", *plain, f"--socket={folder / 'db.sock'}",
                "--skip-networking", "--innodb-flush-log-at-trx-commit=0", f"--pid-file={folder / 'db.pid'}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        with server:
            try:
                _until((folder / "db.sock").exists, server, folder / "db.log")
                _sql(folder, "CREATE DATABASE wordpress CHARACTER SET utf8mb4")
                yield
            finally:
                server.terminate()


def _sql(folder: Path, statement: str) -> None:
    command = ["mariadb", "--no-defaults", f"--socket={folder / 'db.sock'}", "--user=root", "-e", statement]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _served(site: Path, port: int, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    command = ["php", "-S", f"127.0.0.1:{port}", "-t", str(site), str(_PHP / "router.php")]
    # WordPress asks itself (wp-cron) while it answers: with one worker it would wait for itself.
    workers = {"PHP_CLI_SERVER_WORKERS": "3"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, env={**os.environ, **environment, **workers}, stdout=out, stderr=out, start_new_session=True
        )
        with server:
            try:
                _until(lambda: _answers(port), server, log)
                yield
            finally:
                # The server's workers are its children and outlive it when it alone is told to stop.
                os.killpg(server.pid, 15)


def _install(url: str) -> None:
    """Fill in the installer's form, as a person would."""
    form = {
        "weblog_title": "A desk",
        "user_name": "admin",
        "admin_password": "a-password-of-a-test",
        "admin_password2": "a-password-of-a-test",
        "admin_email": "desk@example.com",
        "blog_public": "0",
    }
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{url}/wp-admin/install.php?step=2", data=data, timeout=60) as answer:  # noqa: S310 - loopback
        page = answer.read().decode()
    assert "wp-login.php" in page, f"WordPress was not installed: {page[:2000]}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _until(is_ready: object, server: subprocess.Popen[bytes], log: Path) -> None:
    assert callable(is_ready)
    end = time.monotonic() + _START_S
    while not is_ready():
        assert server.poll() is None, f"{server.args!r} ended: {log.read_text(errors='replace')[-2000:]}"
        assert time.monotonic() < end, f"{server.args!r} is not ready after {_START_S:g} s"
        time.sleep(0.05)
