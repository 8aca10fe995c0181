"""Patched scripts do what they did: they print the same words, and ask a server that writes it down the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import urlopen

import pytest

from steersman import client
from steersman.automation.audit import examine
from steersman.client import Data, Lease

BODY = {"items": [{"id": 1, "name": "é"}, {"id": 2, "name": "b"}], "total": 2}


class Recorder(BaseHTTPRequestHandler):
    """Answers every path alike; remembers what was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(f"{parts.path} {sorted(parse_qsl(parts.query))}")
        self.answer({**BODY, "path": parts.path})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer({"access_token": "t0k", "expires_in": 60})

    def answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), type("Asked", (Recorder,), {"asked": asked}))
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_address[1]}", asked
    serving.shutdown()
    thread.join()
    serving.server_close()


def lent(monkeypatch: pytest.MonkeyPatch, declared: dict[str, Any], folder: Path) -> None:
    """Let scripts pull what is declared, each time from the server: a cache would hide what is asked for."""
    number = count()

    def pull(name: str, **params: object) -> Data:
        url = declared["pull"][name]["url"].format(**{k: quote(str(v), safe="") for k, v in params.items()})
        file = folder / f"pulled-{next(number)}"
        with urlopen(url, timeout=5) as reply:  # noqa: S310  # our own server
            file.write_bytes(reply.read())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        receipt = dict.fromkeys(("etag", "schema_version"), "") | {"key": name, "source": url, "rows": None}
        receipt |= {"size_bytes": file.stat().st_size, "content_hash": digest, "checks": {}, "pulled_at": 0}
        value = {"path": str(file), "key": name, "frame": "bytes", "state": "pulled", "age_s": 0.0}
        return Data(value | {"receipt": receipt})

    def token(name: str, **_: object) -> Lease:
        assert name in declared["provider"]
        value = {"lease_id": "l", "provider": name, "secret": "t0k", "fields": {}, "expires_at": 0}
        return Lease(value | {"header": "Authorization", "scheme": "Bearer", "left_s": 60.0}, 0.0)

    monkeypatch.setattr(client, "pull", pull)
    monkeypatch.setattr(client, "token", token)


def ran(path: Path, asked: list[str]) -> tuple[str, list[str]]:
    asked.clear()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__"})  # noqa: S102
    return out.getvalue(), list(asked)


ONE = 'def one(s, n=1):\n    r = requests.get(f"{B}/{s}", params={"n": n})\n    return r.json()\n'
CLASS = "class C:\n    def get(self, p, **q):\n        return requests.get(B + p, params=q).json()\n"
KEPT = "class C:\n    @property\n    def s(self):\n        return requests.Session()\n"
READS = [
    'r = requests.get(B + "/v1/items", timeout=5)\nr.raise_for_status()\nprint(r.json()["total"], r.text)',
    'print(requests.get(f"{B}/v1/items").json()["items"][0]["name"])',
    'r = requests.get(B + "/v1/items")\nprint(len(r.content))\nprint(r.json())',
    'def f():\n    reply = requests.get(url=B + "/v1/items", timeout=9)\n    return reply.json()\nprint(f(), f())',
    's = requests.Session()\nprint(s.get(B + "/v1/items").json(), "€")',
    'with requests.Session() as s:\n    print(s.get(B + "/v1/items").json())',
    'P = {"kind": "a b", "n": 2}\nprint(requests.get(B + "/v1/list", params=P).json()["path"])',
    'for s in ("x", "y z"):\n    print(requests.get(f"{B}/v1/of/{s}", params={"n": 1}).json()["path"])',
    ONE + 'print(one("q"), one("r", n=3))',
    CLASS + 'print(C().get("/a", n=1))',
    KEPT + 'print(C().s.get(B + "/a").json())',
    'for n, t in {"a": 1, "b": 2}.items():\n    print(requests.get(B + "/v1/t", params={"tier": t}).json()["total"])',
    'for u in [B + "/v1/a", B + "/v1/b"]:\n    print(requests.get(u).json()["path"])',
    'Q = {"n": 1}\nQ["m"] = 2\nprint(requests.get(B + "/v1/q", params={**Q, "o": "p q"}).json()["path"])',
    's = requests.Session()\ns.params = {"k": "1"}\nprint(s.get(B + "/v1/q", params={"m": 2}).json()["path"])',
    'print(requests.get("/".join([B, "v1", "items"])).json(), requests.get("%s/v1/%s" % (B, "x")).json())',
    'import datetime\nprint(requests.get(f"{B}/v1/day/{datetime.date.today()}").json()["total"])',
    'print(json.load(urlopen(B + "/v1/items"))["total"])',
    'print(json.loads(urlopen(B + "/v1/items", timeout=3).read())["total"])',
    'print(urlopen(B + "/v1/items").read().decode("utf-8")[:9])',
    'r = requests.get(B + "/v1/items")\nprint(r.status_code, r.json()["total"])',
    'try:\n    print(requests.get(B + "/v1/items").json())\nexcept requests.RequestException as exc:\n    print(exc)',
    'd = {}\nd["a"], n = requests.get(B + "/v1/items").json()["total"], 4\nprint(d, n)',
    'print([requests.get(B + "/v1/items").json()["total"] for _ in range(2)])',
    'x = requests.get(B + "/v1/items").json() if B else None; print(x)',
]
LOGINS = [
    'r = requests.post(B + "/oauth/token", data=D)\nr.raise_for_status()\nprint(r.json()["access_token"])',
    't = requests.post(B + "/oauth/token", data=D, timeout=4).json()["access_token"]\nprint("Bearer " + t)',
    'def t():\n    a = requests.post(B + "/oauth/token", data=D).json()\n    return a["access_token"]\nprint(t())',
    'a = requests.post(B + "/oauth/token", data=D).json()\nprint(a["expires_in"])',
    'r = requests.post(B + "/oauth/token", data=D)\nprint(r.status_code)',
]
HEAD = 'import json\nfrom urllib.request import urlopen\n\nimport requests\n\nB = "{}"\nD = {{"client_id": "c"}}\n'


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "dos"])
@pytest.mark.parametrize("body", [*READS, *LOGINS])
def test_a_patched_script_prints_and_asks_what_it_did(
    tmp_path: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, body: str, ends: str
) -> None:
    base, asked = server
    scripts = tmp_path / "s"
    scripts.mkdir()
    for name in ("a.py", "b.py"):
        (scripts / name).write_text((HEAD.format(base) + body + "\n").replace("\n", ends), encoding="utf-8", newline="")
    before = ran(scripts / "a.py", asked)
    examined = examine(scripts)
    assert examined.report.findings
    if examined.patch:
        subprocess.run(["git", "apply", "-"], input=examined.patch.encode(), cwd=scripts, check=True, timeout=60)
    lent(monkeypatch, tomllib.loads(examined.declarations), tmp_path)
    after = ran(scripts / "a.py", asked)
    assert after == before


def test_most_of_these_are_really_edited(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    edited = 0
    for number, body in enumerate([*READS, *LOGINS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in ("a.py", "b.py"):
            (folder / name).write_text(HEAD.format(server[0]) + body + "\n", encoding="utf-8")
        found = examine(folder).report.findings
        edited += any(f.diff and f.code in ("PULL_REPEATED", "LOGIN_REPEATED") for f in found)
    assert edited >= 16
