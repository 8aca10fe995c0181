"""A data provider on loopback that counts, lies and breaks on demand, and pulls that spell out only what matters.

Run as a program it is one process of many that pull the same: see `Asker`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from steersman.bootstrap.plugins import factory, setting_type
from steersman.kernel.clock import Clock, FakeClock, SystemClock
from steersman.kernel.toml_file import TomlFile
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.settings import read as read_shared
from steersman.services.ports import Lease, ProviderStatus, Pulled
from steersman.services.pulls import Puller, PullSettings
from steersman.services.pulls.settings import read

CSV = b"day,symbol,close\n2026-01-02,SPY,100.5\n2026-01-05,SPY,101.25\n2026-01-06,SPY,99.0\n"
SCHEMA = """
[pull.bars.schema.day]
type = "date"
monotonic = true
[pull.bars.schema.symbol]
type = "text"
[pull.bars.schema.close]
type = "float"
min = 0
"""


class Answer(msgspec.Struct, kw_only=True):
    """What the provider says; `raw` replaces the whole answer on the wire."""

    status: int = 200
    body: bytes = CSV
    headers: dict[str, str] = {}
    raw: Callable[[BaseHTTPRequestHandler], None] | None = None
    gate: Any = None


class Site:
    """A provider: the answers of `script` in turn (the last one for ever), and every request it got."""

    def __init__(self) -> None:
        self.script: list[Answer] = [Answer()]
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = site._next(self.command, self.path, dict(self.headers.items()), body)
                with contextlib.suppress(ConnectionError):
                    _send(self, answer)

            do_POST = do_GET  # noqa: N815 - the name http.server looks for

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> int:
        return len(self.requests)

    def says(self, *answers: Answer) -> None:
        """Answer so from now on; the last for ever."""
        self.script = list(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self._lock:
            self.requests.append((method, path, {k.lower(): v for k, v in headers.items()}, body))
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.gate is not None:
        assert answer.gate.wait(20)
    if answer.raw is not None:
        handler.close_connection = True
        answer.raw(handler)
        return
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if answer.status != 304:
        handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    if answer.status != 304:
        handler.wfile.write(answer.body)


@contextlib.contextmanager
def a_site(*answers: Answer) -> Iterator[Site]:
    site = Site()
    if answers:
        site.says(*answers)
    try:
        yield site
    finally:
        site.close()


def gzipped(body: bytes) -> Answer:
    return Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})


class Logins:
    """Credentials that remember who asked, and give a new secret after a refusal."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        if self.error is not None:
            raise self.error
        self.asked.append((provider, refused))
        number = sum(1 for _, r in self.asked if r) + 1
        return Lease(lease_id=f"lease-{number}", provider=provider, secret=f"planted-secret-{number}", expires_at=2**62)

    def status(self) -> list[ProviderStatus]:
        return []


def settings_of(root: Path, text: str, *, providers: tuple[str, ...] = ("vendor",)) -> PullSettings:
    return read(TomlFile(text, name="steersman.toml"), root, providers=providers)


def bars(site: Site, more: str = "", *, schema: str = SCHEMA) -> str:
    """A declared pull of daily bars from `site`; `more` are further lines of its table."""
    lines = {"url": f'"{site.url}/bars.csv"', "ttl": '"60s"', "timeout": '"5s"', "retries": "0"}
    for line in more.splitlines():
        name, _, value = line.partition("=")
        if name.strip():
            lines[name.strip()] = value.strip()
    return "[pull.bars]\n" + "\n".join(f"{k} = {v}" for k, v in lines.items()) + "\n" + schema


class Rig:
    """Pulls over a memory ledger, with the clock in the test's hand."""

    def __init__(
        self,
        root: Path,
        toml: str,
        *,
        clock: Clock | None = None,
        ledger: Ledger | None = None,
        logins: Logins | None = None,
        memory: Path | None = None,
        commons: Commons | None = None,
        shared: SharedSettings | None = None,
    ) -> None:
        self.root = root
        self.state = root / ".steersman" / "services"
        self.clock = clock or FakeClock()
        self.ledger = ledger or memory_ledger(clock=self.clock)
        self.logins = logins or Logins()
        settings = settings_of(root, toml)
        folder = memory or root / "memory"
        folder.mkdir(exist_ok=True)
        self.puller = Puller(
            root,
            self.state,
            settings,
            self.logins,
            self.ledger,
            self.clock,
            commons=commons,
            shared=shared or (SharedSettings(kind="memory", namespace="desk", machine=root.name) if commons else None),
            memory=folder,
        )

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.puller.close()

    def pull(self, what: str = "bars", **more: Any) -> Pulled:
        return self.puller.pull(what, who=more.pop("who", "automation:test"), **more)

    def advance(self, seconds: float) -> None:
        assert isinstance(self.clock, FakeClock)
        self.clock.advance(seconds)

    def settle(self) -> None:
        """Wait for refreshes behind."""
        for thread in list(self.puller._behind):
            thread.join()

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(e.data) for e in self.ledger.read(types=(kind,))]

    def told(self) -> str:
        """Everything the ledger holds, as text."""
        return "\n".join(f"{e.type} {e.stream} {e.actor} {e.data.decode()}" for e in self.ledger.read())


class Asker:
    """A process of its own that pulls when told to."""

    def __init__(self, root: Path, what: str = "bars") -> None:
        command = [sys.executable, "-m", "tests.builders_pulls", str(root), what]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.end()
        return found

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()


@contextlib.contextmanager
def askers(root: Path, toml: str, count: int, what: str = "bars") -> Iterator[list[Asker]]:
    """Yield that many processes, ready and waiting."""
    (root / "steersman.toml").write_text(toml, encoding="utf-8")
    (root / "memory").mkdir(exist_ok=True)
    started = [Asker(root, what) for _ in range(count)]
    try:
        yield started
    finally:
        for asker in started:
            if asker.process.poll() is None:
                asker.process.kill()
            asker.end()


def _be_asker(root: Path, what: str) -> None:
    toml = (root / "steersman.toml").read_text(encoding="utf-8")
    shared = read_shared(TomlFile(toml, name="steersman.toml"), root, lambda kind: setting_type("commons", kind))
    commons = factory("commons", shared.kind)(shared, root=root, clock=SystemClock()) if shared else None
    rig = Rig(root, toml, clock=SystemClock(), commons=commons, shared=shared)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        given = rig.pull(what)
        answer = {
            "state": given.state,
            "hash": given.receipt.content_hash,
            "path": given.path,
            "bytes": len(Path(given.path).read_bytes()),
        }
    except Exception as exc:  # noqa: BLE001 - whatever it was, the test wants to see it
        answer = {"error": type(exc).__name__, "message": str(exc)}
    rig.puller.close()
    if commons is not None:
        commons.close()
    answer["events"] = [[e.type, msgspec.json.decode(e.data)] for e in rig.ledger.read()]
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _be_asker(Path(sys.argv[1]), sys.argv[2])
