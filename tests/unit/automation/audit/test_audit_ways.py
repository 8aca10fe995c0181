"""Ways in which other people write an address, a login or a wait, one at a time; and what is not to be found."""

from __future__ import annotations

import textwrap
from pathlib import Path

import msgspec
import pytest

from steersman.automation.audit import examine

PLAIN = 'import requests\n\nrequests.get("https://api.fieldnotes.example/v1/prices?tier=2", timeout=5)\n'
PRICES = "https://api.fieldnotes.example/v1/prices"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def found(folder: Path, code: str) -> list[str]:
    return sorted({f"{f.place.file}:{f.place.line}" for f in examine(folder).report.findings if f.code == code})


@pytest.mark.parametrize(
    "call",
    [
        'P = {"tier": 2}\nrequests.get(U, params={**P})',
        'P = {"tier": 1}\nP["tier"] = 2\nrequests.get(U, params=P)',
        "P = dict()\nP.update(tier=2)\nrequests.get(U, params=P)",
        'requests.get(U, params=dict({"tier": 2}, page=None) | {})',
        'requests.get(U, params=[("tier", 2)])',
        's = requests.Session()\ns.params = {"tier": 2}\ns.get(U)',
        'requests.get("https://API.fieldnotes.example:443/v1/%70rices?tier=%32")',
        'from string import Template\nrequests.get(Template("$u?tier=2").substitute(u=U))',
        'requests.get("%s?tier=%d" % (U, 2))',
        'requests.get("/".join(["https://api.fieldnotes.example", "v1", "prices?tier=2"]))',
        'requests.get(U.replace("v1", "v1") + "?tier=2")',
        'from enum import Enum\nclass E(Enum):\n A = "https://api.fieldnotes.example/v1/prices?tier=2"\nrequests.get(E.A.value)',
        'HOST, N = "api.fieldnotes.example", 2\nrequests.get(f"https://{HOST}/v1/prices?tier={N}")',
        'import os\nrequests.get((os.environ.get("U") or U) + "?tier=2")',
        (
            'import argparse\np = argparse.ArgumentParser()\np.add_argument("--the-url", default=U)\n'
            'a = p.parse_args()\nrequests.get(a.the_url, params={"tier": 2})'
        ),
        'def main(u: str = U):\n requests.get(u, params={"tier": 2})',
        'for u in [U + "?tier=1", U + "?tier=2"]:\n requests.get(u)',
        'for n, t in {"a": 1, "b": 2}.items():\n requests.get(U, params={"tier": t})',
        "def f(t):\n return requests.get(U, params={'tier': t})\nfor t in (2, 3):\n f(t)",
        (
            "from http.client import HTTPSConnection\nc = HTTPSConnection('api.fieldnotes.example')\n"
            "c.request('GET', '/v1/prices?tier=2')"
        ),
        "import urllib.request\nurllib.request.urlretrieve(U + '?tier=2', 'f')",
        "import feedparser\nfeedparser.parse(U + '?tier=2')",
        "import os\nos.system('curl -s ' + U + '?tier=2')",
        "import subprocess\nsubprocess.run(f'curl -s {U}?tier=2 | jq .', shell=True)",
        "import cloudscraper\ncloudscraper.create_scraper().get(U, params={'tier': 2})",
    ],
)
def test_the_same_address_is_one_however_python_puts_it_together(tmp_path: Path, call: str) -> None:
    written(tmp_path, {"plain.py": PLAIN, "other.py": f'import requests\nU = "{PRICES}"\n{call}\n'})
    assert [place.partition(":")[0] for place in found(tmp_path, "PULL_REPEATED")] == ["other.py", "plain.py"]


@pytest.mark.parametrize(
    "shell",
    [
        f"curl -s -G -d tier=2 {PRICES}",
        f"curl -sG --data-urlencode 'tier=2' {PRICES}",
        f"curl -s {PRICES}?tier=1 {PRICES}?tier=2",
        f"http GET {PRICES} tier==2",
        f': "${{U:={PRICES}}}"\nwget -q "$U?tier=2"',
        f'for t in 1 2; do curl -s "{PRICES}?tier=$t"; done',
        f'U={PRICES}/\nwhile getopts u: o; do U=$OPTARG; done\ncurl "${{U%/}}?tier=2"',
        f'r() {{ curl -sX "$1" "{PRICES}$2"; }}\ng() {{ r GET "$1"; }}\ng "?tier=2"',
        f"bash -c 'curl -s {PRICES}?tier=2'",
        f"python3 - <<'PY'\nimport requests\nrequests.get('{PRICES}', params={{'tier': 2}})\nPY",
        f"python3 -c 'import requests; requests.get(\"{PRICES}?tier=2\")'",
    ],
)
def test_the_same_address_is_one_however_shell_puts_it_together(tmp_path: Path, shell: str) -> None:
    written(tmp_path, {"plain.py": PLAIN, "other.sh": f"{shell}\n"})
    assert [place.partition(":")[0] for place in found(tmp_path, "PULL_REPEATED")] == ["other.sh", "plain.py"]


@pytest.mark.parametrize(
    ("name", "text", "script"),
    [
        ("conf.json", '{"api": {"url": "%s"}}', 'import json\nU = json.load(open("conf.json"))["api"]["url"]'),
        (
            "conf.toml",
            '[api]\nurl = "%s"',
            'import tomllib\nwith open("conf.toml", "rb") as f:\n c = tomllib.load(f)\nU = c["api"]["url"]',
        ),
        (
            "conf.ini",
            "[api]\nurl = %s",
            'import configparser\nc = configparser.ConfigParser()\nc.read("conf.ini")\nU = c.get("api", "url")',
        ),
        (
            "conf.yaml",
            "api:\n  url: %s",
            (
                'import yaml\nfrom pathlib import Path\nP = Path(__file__).parent / "conf.yaml"\n'
                'def load():\n return yaml.safe_load(P.read_text())\nU = load()["api"]["url"]'
            ),
        ),
        (".env", "URL=%s", 'from dotenv import dotenv_values\nU = dotenv_values()["URL"]'),
        (".env", "export URL='%s'", 'import os\nU = os.environ["URL"]'),
    ],
)
def test_an_address_in_a_settings_file_beside_the_scripts_is_read(
    tmp_path: Path, name: str, text: str, script: str
) -> None:
    other = f'import requests\n{script}\nrequests.get(U + "?tier=2", timeout=5)\n'
    written(tmp_path, {"plain.py": PLAIN, "other.py": other, name: text % PRICES})
    assert [place.partition(":")[0] for place in found(tmp_path, "PULL_REPEATED")] == ["other.py", "plain.py"]


def test_jq_and_python_read_the_same_settings_file(tmp_path: Path) -> None:
    shell = 'U=$(jq -r .api.url conf.json)\ncurl -sm 5 "$U?tier=2"\n'
    written(tmp_path, {"plain.py": PLAIN, "a.sh": shell, "conf.json": f'{{"api": {{"url": "{PRICES}"}}}}'})
    assert found(tmp_path, "PULL_REPEATED") == ["a.sh:2", "plain.py:3"]


def test_two_scripts_that_take_their_login_from_one_file_log_in_alike_and_nothing_secret_is_said(
    tmp_path: Path,
) -> None:
    settings = '{"token_url": "https://id.fieldnotes.example/oauth/token", "secret": "Zx81kQpL0v7Rt2yW"}'
    a = 'import json, requests\nc = json.load(open("c.json"))\nrequests.post(c["token_url"], data=c, timeout=5)\n'
    b = 'import json, requests\nwith open("c.json") as f:\n    d = json.load(f)\n'
    b += 'requests.post(d["token_url"], timeout=5)\n'
    written(tmp_path, {"a.py": a, "b.py": b, "c.json": settings})
    assert found(tmp_path, "LOGIN_REPEATED") == ["a.py:3", "b.py:4"]
    assert "Zx81kQpL0v7Rt2yW" not in msgspec.json.encode(examine(tmp_path)).decode()
    (tmp_path / "c.json").unlink()
    assert found(tmp_path, "LOGIN_REPEATED") == ["a.py:3", "b.py:4"], "the same place in a file that is elsewhere"


@pytest.mark.parametrize("text", ["{", "\xff", "[1,", "a: [", "x" * 300_000, '{"a":' * 5_000])
def test_a_settings_file_that_is_broken_or_huge_says_nothing_and_breaks_nothing(tmp_path: Path, text: str) -> None:
    script = 'import json, yaml, requests\nc = json.load(open("c.json"))\nd = yaml.safe_load(open("c.yaml"))\n'
    written(tmp_path, {"a.py": script + 'requests.get(c["u"], timeout=5)\nrequests.get(d["u"], timeout=5)\n'})
    for name in ("c.json", "c.yaml"):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    assert examine(tmp_path).report.not_read == ()


def test_no_settings_file_outside_of_the_folder_is_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(f'{{"u": "{PRICES}?tier=2"}}', encoding="utf-8")
    inside = tmp_path / "scripts"
    other = f'import json, requests\nrequests.get(json.load(open("{outside}"))["u"], timeout=5)\n'
    up = 'import json, requests\nrequests.get(json.load(open("../outside.json"))["u"], timeout=5)\n'
    written(inside, {"plain.py": PLAIN, "other.py": other, "up.py": up})
    (inside / "outside.json").symlink_to(outside)
    assert "plain.py:3" not in found(inside, "PULL_REPEATED")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("dt.date.today()", "dt.datetime.now().strftime('%Y-%m-%d')", True),
        ("dt.date.today()", "dt.date.today() - dt.timedelta(days=1)", False),
        ("dt.date.today() - dt.timedelta(days=1)", "(dt.datetime.utcnow() - dt.timedelta(1)).date()", True),
    ],
)
def test_the_same_day_is_the_same_parameter_and_another_day_is_not(
    tmp_path: Path, first: str, second: str, same: bool
) -> None:
    script = 'import datetime as dt, requests\nrequests.get(f"https://h.example/a?day={{{}}}", timeout=5)\n'
    written(tmp_path, {"a.py": script.format(first), "b.py": script.format(second)})
    assert bool(found(tmp_path, "PULL_REPEATED")) == same


@pytest.mark.parametrize(
    ("words", "same"), [("+%F", True), ("-u +%Y-%m-%d", True), ("-d yesterday +%F", False), ("+%H%M", False)]
)
def test_the_day_of_a_shell_script_is_that_of_python(tmp_path: Path, words: str, same: bool) -> None:
    python = 'import datetime, requests\nrequests.get(f"https://h.example/a?day={datetime.date.today()}", timeout=5)\n'
    written(tmp_path, {"a.py": python, "b.sh": f'D=$(date {words})\ncurl -sm 5 "https://h.example/a?day=$D"\n'})
    assert bool(found(tmp_path, "PULL_REPEATED")) == same


def test_loops_over_different_lists_ask_for_different_data(tmp_path: Path) -> None:
    loop = 'import requests\nfor s in {}:\n    requests.get(f"https://h.example/q/{{s}}", timeout=5)\n'
    written(tmp_path, {"a.py": loop.format(["A", "B"]), "b.py": loop.format(["C"]), "c.py": loop.format(["B", "D"])})
    assert found(tmp_path, "PULL_REPEATED") == ["a.py:3", "c.py:3"]


def test_modules_in_other_folders_are_followed_and_count_for_those_who_call_them(tmp_path: Path) -> None:
    api = """
        import requests
        from functools import cached_property

        class Base:
            @property
            def http(self):
                if self._http is None:
                    self._http = requests.Session()
                return self._http

        class Api(Base):
            base = "https://h.example"
            _http = None

            def get(self, path, **params):
                return self.http.get(self.base + path, params=params, timeout=5)

            def never_called(self):
                return self.http.get("https://h.example/never", timeout=5)

            def fees(self):
                return self.get("/fees")
        """
    a = 'import sys\nsys.path.append("..")\nfrom lib.api import Api\nApi().get("/items", open=1)\nApi().fees()\n'
    b = 'from lib.api import *\nclass Mine(Api):\n    def run(self):\n        return self.get("/items", open=1)\n'
    b += "Mine().run()\n"
    c = "import lib.api\nlib.api.Api().fees()\n"
    written(tmp_path, {"lib/api.py": api, "jobs/a.py": a, "b.py": b, "c.py": c})
    assert found(tmp_path, "PULL_REPEATED") == ["b.py:4", "jobs/a.py:4", "lib/api.py:23"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('import boto3\nboto3.client("s3", **K)', 'import boto3\nboto3.Session(**K).client("s3")'),
        ('import stripe\nstripe.api_key = os.environ["SK"]', 'import stripe\nstripe.api_key = os.getenv("SK")'),
        (
            'from alpaca.trading.client import TradingClient as T\nT(os.environ["K_KEY"], os.environ["S_SECRET"])',
            'import alpaca.data as d\nd.StockClient(secret_key=os.environ["S_SECRET"], api_key=os.environ["K_KEY"])',
        ),
        (
            'import redis\nredis.Redis(host="h", password=os.environ["R_PW"])',
            'import redis\nredis.Redis(password=os.environ["R_PW"], host="h", port=6379)',
        ),
        (
            'import ftplib\nftplib.FTP("h", "u", os.environ["F_PW"], timeout=5)',
            'import ftplib\nftplib.FTP("h", user="u", passwd=os.environ["F_PW"], timeout=5)',
        ),
        ('requests.get("https://h.example/token", auth=("u", P))', 'requests.get("https://h.example/token", auth=A)'),
        (
            'requests.post("https://b.example/xrpc/com.atproto.server.createSession", json={})',
            'requests.post("https://b.example/xrpc/com.atproto.server.createSession", json={})',
        ),
    ],
)
def test_equal_credentials_are_one_login_whatever_is_made_with_them(tmp_path: Path, first: str, second: str) -> None:
    head = 'import os, requests\nK = {"aws_access_key_id": os.environ["I"], "aws_secret_access_key": os.environ["S"]}\n'
    written(tmp_path, {"a.py": f"{head}{first}\n", "b.py": f"{head}{second}\n"})
    assert [place.partition(":")[0] for place in found(tmp_path, "LOGIN_REPEATED")] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    "line",
    [
        "aws sts assume-role --role-arn arn:x --role-session-name {}",
        "gcloud auth activate-service-account --key-file=/k.json --quiet",
        'echo "$PW" | docker login -u me --password-stdin registry.example',
        "gh auth login --with-token < token.txt",
    ],
)
def test_a_program_that_logs_in_is_a_login(tmp_path: Path, line: str) -> None:
    written(tmp_path, {"a.sh": line.format("a") + "\n", "b.sh": line.format("b") + "\n"})
    assert found(tmp_path, "LOGIN_REPEATED") == ["a.sh:1", "b.sh:1"]


@pytest.mark.parametrize("line", ["psql postgresql:///books", "docker logout x", "gh pr list", "aws s3 ls s3://b"])
def test_a_program_that_only_works_is_no_login(tmp_path: Path, line: str) -> None:
    written(tmp_path, {"a.sh": f"{line}\n", "b.sh": f"{line}\n"})
    assert found(tmp_path, "LOGIN_REPEATED") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("curl -sm 5 -o /dev/null https://h.example/", "curl -sm 5 -I https://h.example"),
        ("wget -q --spider -T 5 https://h.example/status.json", "curl -sm 5 https://h.example/status.json"),
        ("nc -z -w 3 h.example 5432", "nc -zw3 h.example 5432"),
        ("pg_isready -h h.example", "pg_isready -h h.example -p 5432"),
        ("df -P /data", "df --output=pcent /data | tail -1"),
    ],
)
def test_the_same_question_about_a_state_is_one_check(tmp_path: Path, first: str, second: str) -> None:
    written(tmp_path, {"a.sh": f"{first}\n", "b.sh": f"{second}\n"})
    assert found(tmp_path, "CHECK_REPEATED") == ["a.sh:1", "b.sh:1"]


def test_a_client_without_a_limit_is_found_where_it_waits_and_mended_where_it_is_made(tmp_path: Path) -> None:
    script = (
        'import httpx\nc = httpx.Client(timeout=None)\nc.get("https://h.example/a")\nc.post("https://h.example/b")\n'
    )
    written(tmp_path, {"a.py": script})
    assert found(tmp_path, "NO_TIMEOUT") == ["a.py:3", "a.py:4"]
    assert "+c = httpx.Client(timeout=30)" in examine(tmp_path).patch


@pytest.mark.parametrize(
    "script",
    [
        "import socket, urllib.request\nsocket.setdefaulttimeout(9)\nurllib.request.urlopen('https://h.example')",
        "import socket, smtplib\nsocket.setdefaulttimeout(9)\nsmtplib.SMTP('h.example')",
        "import socket\ns = socket.socket()\ns.settimeout(5)\ns.connect(('h.example', 80))",
    ],
)
def test_a_limit_of_all_sockets_counts(tmp_path: Path, script: str) -> None:
    written(tmp_path, {"a.py": f"{script}\n"})
    assert found(tmp_path, "NO_TIMEOUT") == []


def test_a_wait_in_a_function_that_a_loop_calls_is_polling_and_asks_again(tmp_path: Path) -> None:
    up = "up() { curl -fsSm 9 https://h.example/status.json | jq -e .ok >/dev/null; }\n"
    written(tmp_path, {"a.sh": up + "for ((i=0; i<9; i++)); do\n if up; then exit 0; fi\n sleep 2\ndone\n"})
    assert found(tmp_path, "POLLING") == ["a.sh:2"]
    assert found(tmp_path, "NO_RETRY") == []


def test_what_typed_settings_hold_is_the_same_in_every_script(tmp_path: Path) -> None:
    settings = """
        from dataclasses import dataclass

        @dataclass
        class Venue:
            base_url: str

        @dataclass
        class Settings:
            venue: Venue

        def load() -> Settings:
            ...
        """
    client = """
        import httpx
        from settings import Venue

        class Client:
            def __init__(self, venue: Venue) -> None:
                self.http = httpx.AsyncClient(base_url=venue.base_url)

            async def get(self, path: str, **params: object) -> object:
                return await self.http.get(path, params=params)

            async def funding(self, symbol: str) -> object:
                return await self.get("/funding", symbol=symbol)
        """
    a = """
        from client import Client
        from settings import load

        async def watch(venue: Client) -> None:
            await venue.funding("BTC")

        async def main() -> None:
            async with Client(load().venue) as venue:
                await watch(venue)
        """
    b = """
        import requests
        from settings import Settings, load

        def main(cfg: Settings) -> None:
            requests.get(f"{cfg.venue.base_url}/funding", params={"symbol": "BTC"}, timeout=5)

        main(load())
        """
    written(tmp_path, {"settings.py": settings, "client.py": client, "a.py": a, "b.py": b})
    assert found(tmp_path, "PULL_REPEATED") == ["a.py:6", "b.py:6"]


@pytest.mark.parametrize(
    ("loop", "polls"),
    [
        ("import threading\nstop = threading.Event()\nwhile not stop.wait(30):\n    look()", True),
        (
            (
                "import asyncio\nasync def f(stop: asyncio.Event):\n    while not stop.is_set():\n"
                "        await look()\n        await asyncio.wait_for(stop.wait(), 60)"
            ),
            True,
        ),
        ("import time\nleft = 9\nwhile left > 0:\n    left -= sell()\n    time.sleep(1)", False),
        (
            (
                "import time\nc = None\nwhile True:\n    p = {'cursor': c}\n    page = ask(params=p)\n"
                "    c = page['next']\n    if not c:\n        break\n    time.sleep(1)"
            ),
            False,
        ),
    ],
)
def test_a_loop_that_looks_again_polls_and_one_that_works_something_off_does_not(
    tmp_path: Path, loop: str, polls: bool
) -> None:
    written(tmp_path, {"a.py": f"{loop}\n"})
    assert bool(found(tmp_path, "POLLING")) == polls


@pytest.mark.parametrize(
    ("loop", "polls"),
    [
        ("until aws s3 cp a s3://b; do n=$((n+1)); [ $n -ge 5 ] && exit 1; sleep 9; done", False),
        ('retry() { until "$@"; do i=$((i+1)); [ "$i" -ge 3 ] && return 1; sleep 9; done; }', False),
        ("while ! ping -c1 h.example; do sleep 5; done", True),
        ("until pg_isready -h h.example; do n=$((n+1)); [ $n -gt 9 ] && exit 1; sleep 5; done", True),
    ],
)
def test_work_that_is_tried_again_is_no_polling(tmp_path: Path, loop: str, polls: bool) -> None:
    written(tmp_path, {"a.sh": f"{loop}\n"})
    assert bool(found(tmp_path, "POLLING")) == polls


def test_a_function_that_is_told_what_to_look_at_checks_where_it_is_told(tmp_path: Path) -> None:
    library = 'need() { [ "$(df -Pk "$1" | tail -1)" -gt "$2" ] || exit 1; }\n'
    files = {"lib.sh": library, "a.sh": ". ./lib.sh\nneed /srv 9\n", "b.sh": ". /opt/x/lib.sh\n\nneed /srv 4\n"}
    written(tmp_path, files)
    assert found(tmp_path, "CHECK_REPEATED") == ["a.sh:2", "b.sh:3"]


def test_a_function_that_repeats_what_it_is_given_is_a_retry(tmp_path: Path) -> None:
    again = """def again(fn):
    for i in range(3):
        try:
            return fn()
        except OSError:
            pass
"""
    calls = 'again(lambda: requests.get("https://h.example/a", timeout=5))\n'
    calls += 'def f():\n    return requests.get("https://h.example/b", timeout=5)\nagain(f)\n'
    written(tmp_path, {"a.py": f"import requests\n{again}{calls}"})
    assert found(tmp_path, "NO_RETRY") == []


def test_the_same_method_of_an_sdk_with_the_same_arguments_is_the_same_data(tmp_path: Path) -> None:
    head = "import ccxt\nx = ccxt.kraken({})\n"
    written(
        tmp_path,
        {
            "a.py": head + 'x.fetch_ohlcv("BTC/USD", "1d", limit=60)\n',
            "b.py": 'import ccxt\nclass B:\n    def __init__(self):\n        self.x = ccxt.kraken({"a": 1})\n'
            '    def load(self):\n        return self.x.fetch_ohlcv("BTC/USD", "1d", limit=60)\nB().load()\n',
            "c.py": head + 'x.fetch_ohlcv("ETH/USD", "1d", limit=60)\n',
        },
    )
    assert found(tmp_path, "PULL_REPEATED") == ["a.py:3", "b.py:6"]


def test_a_command_that_fetches_several_addresses_is_not_replaced_for_one_of_them(tmp_path: Path) -> None:
    curl = "curl -sm 5 --retry 2 h.example/a"
    written(tmp_path, {"a.sh": f"{curl} h.example/b\n", "b.sh": f"{curl}\n"})
    assert found(tmp_path, "PULL_REPEATED") == ["a.sh:1", "b.sh:1"]
    assert "a/a.sh" not in examine(tmp_path).patch
