"""A real PDS for as long as it is needed: the reference server from npm, installed once into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from steersman.content.adapters.bluesky import BlueskyChannel
from steersman.content.adapters.bluesky.settings import BlueskySettings

_HERE: Final = Path(__file__).parent / "pds"
_INSTALL_S: Final = 900
_START_S: Final = 60
_ASK_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPds:
    """A server that answers at `url` (no slash at its end), and its one account."""

    url: str
    did: str
    handle: str
    account_password: str
    app_password: str
    jwt_secret: str

    def channel(self, *, password: str = "", **settings: Any) -> BlueskyChannel:
        """Return a channel of the account; nobody counts likes here."""
        given: dict[str, Any] = {"service": self.url, "identifier": self.handle, "appview": "", **settings}
        return BlueskyChannel(settings=BlueskySettings(**given), password=password or self.app_password)

    def ask(self, method: str, *, token: str = "", body: Any = None, **params: str) -> tuple[int, Any]:
        """Call the server without the adapter: POST with a body, GET without one."""
        query = urllib.parse.urlencode(params)
        request = urllib.request.Request(  # noqa: S310 - a server on this machine
            f"{self.url}/xrpc/{method}?{query}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=_ASK_S) as answer:  # noqa: S310 - as above
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read() or b"{}")

    def token(self) -> str:
        """Return an access token of the account."""
        body = {"identifier": self.handle, "password": self.account_password}
        _, told = self.ask("com.atproto.server.createSession", body=body)
        return str(told["accessJwt"])

    def records(self) -> dict[str, Any]:
        """Return the posts of the account by record key."""
        _, told = self.ask("com.atproto.repo.listRecords", repo=self.did, collection="app.bsky.feed.post", limit="100")
        return {one["uri"].rpartition("/")[2]: one["value"] for one in told["records"]}


@contextmanager
def pds(**settings: Any) -> Iterator[RealPds]:
    """Start a PDS with these settings in a temporary folder, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["node", "serve.mjs", json.dumps(settings)],
            cwd=_installed(),
            env={**os.environ, "TMPDIR": folder, "LOG_ENABLED": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield RealPds(**json.loads(_first_line(process)))
            finally:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(_START_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_S)
    line = process.stdout.readline() if ready else ""
    assert line.startswith("{"), f"the PDS did not start within {_START_S} s: {line or 'see its words above'}"
    return line


def _installed() -> Path:
    """Return the folder with the server, installed by its lock (versions and hashes) if it is not yet."""
    names = ("package.json", "package-lock.json")
    content = b"".join((_HERE / name).read_bytes() for name in names)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steersman" / "platforms"
    home = cache / f"pds-{hashlib.sha256(content).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            for name in names:
                shutil.copy(_HERE / name, home / name)
            _npm_ci(home)
            (home / "ready").touch()
        shutil.copy(_HERE / "serve.mjs", home / "serve.mjs")
    return home


def _npm_ci(home: Path) -> None:
    node = shutil.which("node")
    assert node is not None, "node and npm are missing: apt-get install nodejs npm libnode-dev g++ make"
    assert shutil.which("npm") is not None, "npm is missing: apt-get install npm"
    environment = dict(os.environ)
    prefix = Path(node).resolve().parents[1]
    if (prefix / "include" / "node" / "node.h").is_file():
        # better-sqlite3 is compiled; headers that are here need not be fetched.
        environment["npm_config_nodedir"] = str(prefix)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_S,
    )
    assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"
