"""Addresses, logins and limits that are not written where the call stands, one way of writing at a time."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from steersman.automation.audit import examine
from steersman.automation.audit.secret_shapes import find_secret

PLAIN = 'import requests\n\nrequests.get("https://api.fieldnotes.example/v1/prices", timeout=5)\n'
HEX = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def written(folder: Path, **scripts: str) -> Path:
    for name, text in scripts.items():
        (folder / name.replace("__", ".")).write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def found(folder: Path, code: str) -> list[tuple[str, int]]:
    findings = examine(folder).report.findings
    return sorted((f.place.file, f.place.line) for f in findings if f.code == code)


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ('A = {"url": "https://api.fieldnotes.example/v1"}\nrequests.get(A["url"] + "/prices")', 2),
        (
            'A = {"prices": "https://api.fieldnotes.example/v1/prices"}\n\ndef f(n):\n requests.get(A[n])\nf("prices")',
            5,
        ),
        (
            'B = "https://api.fieldnotes.example"\ndef u(p,v="v1"):\n return f"{B}/{v}/{p}"\nrequests.get(u("prices"))',
            4,
        ),
        ('class C:\n B = "https://api.fieldnotes.example/v1"\nrequests.get(f"{C.B}/prices")', 3),
        (
            (
                "class C:\n def __init__(self, base):\n  self.base = base.rstrip('/')\n"
                " def get(self, p):\n  return requests.get(self.base + p)\n"
                "C('https://api.fieldnotes.example/v1/').get('/prices')"
            ),
            6,
        ),
        (
            (
                "class Conf:\n base: str = 'https://api.fieldnotes.example/v1'\n"
                "class C:\n def __init__(self, conf):\n  self.conf = conf\n"
                " def get(self):\n  return requests.get(self.conf.base + '/prices')\nC(Conf()).get()"
            ),
            7,
        ),
        (
            (
                "class C:\n def __init__(self):\n  self.s = None\n def open(self):\n  self.s = requests.Session()\n"
                " def get(self):\n  return self.s.get('https://api.fieldnotes.example/v1/prices')"
            ),
            7,
        ),
        ('O = {"base_url": "https://api.fieldnotes.example/v1"}\nhttpx.Client(**O).get("/prices")', 2),
        ('import subprocess\nsubprocess.run(["curl", "-s", "https://api.fieldnotes.example/v1/prices"])', 2),
    ],
)
def test_an_address_is_followed_to_where_it_is_written(tmp_path: Path, script: str, line: int) -> None:
    written(tmp_path, plain__py=PLAIN, other__py=f"import requests, httpx\n{script}\n")
    assert found(tmp_path, "PULL_REPEATED") == [("other.py", line + 1), ("plain.py", 3)]


def test_an_object_constructed_with_two_addresses_is_not_taken_for_either(tmp_path: Path) -> None:
    script = """
        import requests

        class C:
            def __init__(self, base):
                self.base = base

            def prices(self):
                return requests.get(self.base + "/prices")

        def run(which):
            which.prices()

        run(C("https://api.fieldnotes.example/v1"))
        run(C("https://other.fieldnotes.example/v1"))
        """
    written(tmp_path, plain__py=PLAIN, other__py=script)
    assert found(tmp_path, "PULL_REPEATED") == []


def test_an_entry_that_is_set_anew_is_not_known(tmp_path: Path) -> None:
    script = 'import requests\nA = {"url": "https://api.fieldnotes.example/v1"}\nA["url"] = input()\n'
    written(tmp_path, plain__py=PLAIN, other__py=script + 'requests.get(A["url"] + "/prices")\n')
    assert found(tmp_path, "PULL_REPEATED") == []


def test_encoded_parameters_make_the_same_address_in_any_order(tmp_path: Path) -> None:
    head = "from urllib.parse import urlencode\nfrom urllib.request import urlopen\n"
    call = 'urlopen("https://h.example/bars?" + urlencode({pairs}), timeout=5)\n'
    written(
        tmp_path,
        a__py=head + call.format(pairs='{"s": "SPY", "tf": "1d"}'),
        b__py=head + call.format(pairs='{"tf": "1d", "s": "SPY"}'),
        c__py=head + call.format(pairs='{"tf": "1m", "s": "SPY"}'),
    )
    assert found(tmp_path, "PULL_REPEATED") == [("a.py", 3), ("b.py", 3)]


def test_a_client_of_a_helper_module_logs_in_where_it_is_constructed(tmp_path: Path) -> None:
    helper = """
        import requests
        HOST = "https://id.fieldnotes.example"

        class Api:
            def __init__(self, user, secret, host=HOST):
                requests.post(f"{host}/oauth/token", data={"client_id": user, "client_secret": secret}, timeout=9)
        """
    use = 'import os\nfrom helper import Api\n\nApi(os.environ["U"], os.environ["S"])\n'
    written(tmp_path, helper__py=helper, a__py=use, b__py=use)
    assert found(tmp_path, "LOGIN_REPEATED") == [("a.py", 4), ("b.py", 4)]


@pytest.mark.parametrize(
    "login",
    [
        'import pymysql\npymysql.connect(host="d", user="u", password=os.environ["P"], database="b")',
        'import psycopg2\nO = dict(host="d", dbname="b", user="u", connect_timeout=5)\npsycopg2.connect(**O)',
        'import paramiko\nc = paramiko.SSHClient()\nc.connect("d", username="u", timeout=5)',
        'from binance.client import Client\nClient(os.environ["API_KEY"], os.environ["API_SECRET"])',
        'from atproto import Client\nc = Client()\nc.login("me", os.environ["APP_PASSWORD"])',
        'import smtplib\nS = ("d", 25)\ns = smtplib.SMTP(*S, timeout=5)\ns.login("u", os.environ["P"])',
    ],
)
def test_the_same_login_through_a_library_is_one_however_it_is_written(tmp_path: Path, login: str) -> None:
    written(tmp_path, a__py=f"import os\n{login}\n", b__py=f"import os\n\n{login}\n")
    assert [file for file, _ in found(tmp_path, "LOGIN_REPEATED")] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    "no_login",
    [
        'from cryptography.fernet import Fernet\nFernet(os.environ["SECRET_KEY"])',
        'from sqlalchemy import create_engine\ncreate_engine("sqlite:///books.db")',
        'import requests\nrequests.delete("https://h.example/session", timeout=5)',
        'import requests\nrequests.post("https://h.example/auth/logout", timeout=5)',
    ],
)
def test_what_only_looks_like_a_login_is_none(tmp_path: Path, no_login: str) -> None:
    written(tmp_path, a__py=f"import os\n{no_login}\n", b__py=f"import os\n{no_login}\n")
    assert found(tmp_path, "LOGIN_REPEATED") == []


@pytest.mark.parametrize(
    "call",
    [
        'NET = dict(timeout=5)\nrequests.get("https://h.example/a", **NET)',
        'import subprocess\nsubprocess.run(["curl", "-s", "--max-time", "5", "https://h.example/a"])',
    ],
)
def test_a_limit_in_a_dict_or_in_the_words_of_a_command_counts(tmp_path: Path, call: str) -> None:
    written(tmp_path, a__py=f"import requests\n{call}\n")
    assert found(tmp_path, "NO_TIMEOUT") == []


@pytest.mark.parametrize(
    "shell",
    [
        'C=(curl -sS --max-time 5)\n"${C[@]}" https://api.fieldnotes.example/v1/prices',
        'O=(-sS)\nO+=(--max-time 5)\ncurl "${O[@]}" https://api.fieldnotes.example/v1/prices',
        'O="-sS --max-time 5"\ncurl $O https://api.fieldnotes.example/v1/prices',
        'f() { curl --max-time 5 "$@"; }\nf -s https://api.fieldnotes.example/v1/prices',
        'f() { local p=$1; curl -m 5 "https://api.fieldnotes.example$p"; }\nf /v1/prices',
        'f() { curl -m 5 $quiet "https://api.fieldnotes.example/v1/${1}"; }\nf prices',
        'B=${API:-https://api.fieldnotes.example}\ncurl -m 5 "$B/v1/prices"',
    ],
)
def test_shell_words_are_followed_through_arrays_functions_and_defaults(tmp_path: Path, shell: str) -> None:
    written(tmp_path, plain__py=PLAIN, other__sh=f"{shell}\n")
    assert [file for file, _ in found(tmp_path, "PULL_REPEATED")] == ["other.sh", "plain.py"]
    assert found(tmp_path, "NO_TIMEOUT") == []


@pytest.mark.parametrize(
    "line",
    [
        'import ftplib\nftplib.FTP("h", timeout=5).login("me", "Xk29dLq8vTz1")',
        'requests.get("https://h.example/a", auth=("me", "Xk29dLq8vTz1"), timeout=5)',
        f'URL = "https://h.example/a?api_key={HEX}"',
    ],
)
def test_a_secret_without_a_name_of_its_own_is_found_by_its_place(tmp_path: Path, line: str) -> None:
    written(tmp_path, a__py=f"import requests\n{line}\n")
    assert len(found(tmp_path, "SECRET_IN_CODE")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "mysql -u root -pXk29dLq8vTz1 -e x --connect-timeout=5",
        "sshpass -p Xk29dLq8vTz1 scp -o ConnectTimeout=5 a b:",
        f'TOKEN="${{TOKEN:-{HEX}}}"',
        """curl -m 5 --json '{"password": "Xk29dLq8vTz1"}' https://h.example/""",
    ],
)
def test_a_secret_behind_an_option_or_as_a_default_is_found_once(tmp_path: Path, line: str) -> None:
    written(tmp_path, a__sh=f"{line}\n")
    assert len(found(tmp_path, "SECRET_IN_CODE")) == 1


def test_a_page_or_a_word_in_a_query_is_no_secret() -> None:
    assert find_secret("https://h.example/a?page_token=next&sort=key") is None


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ('O = {"headers": {}}\nrequests.get("https://h.example/a", **O)', [3]),
        ('def get(u, timeout=None):\n return requests.get(u, timeout=timeout)\nget("https://h.example/a")', [3]),
        (
            'def get(u, timeout=None):\n return requests.get(u, timeout=timeout)\nget("https://h.example", timeout=4)',
            [],
        ),
        (
            'def get(u, **kw):\n kw.setdefault("timeout", 4)\n return requests.get(u, **kw)\nget("https://h.example/a")',
            [],
        ),
        ('import subprocess\nsubprocess.run(["timeout", "30", "git", "pull"])', []),
    ],
)
def test_a_limit_counts_where_it_surely_reaches_the_call(tmp_path: Path, script: str, lines: list[int]) -> None:
    written(tmp_path, a__py=f"import requests\n{script}\n")
    assert found(tmp_path, "NO_TIMEOUT") == [("a.py", line) for line in lines]


def test_asking_again_until_the_status_is_right_is_a_retry(tmp_path: Path) -> None:
    loop = "for n in range(5):\n    r = requests.get('https://h.example/a', timeout=4)\n    if r.ok:\n        break\n"
    written(tmp_path, a__py=f"import requests\n{loop}")
    assert found(tmp_path, "NO_RETRY") == []


@pytest.mark.parametrize(
    ("loop", "polls"),
    [
        ('for i in $(seq 9); do s=$(curl -m 3 h.example/j | jq .s); [ "$s" = done ] && break; sleep 5; done', True),
        ("for i in 1 2 3; do curl -m 3 h.example/j && break; sleep 5; done", False),
        ("until curl -m 3 -o f h.example/j; do n=$((n+1)); [ $n -ge 5 ] && exit 1; sleep 5; done", False),
        ("until curl -m 3 -s -o /dev/null h.example/j; do sleep 5; done", True),
    ],
)
def test_a_wait_for_an_answer_is_polling_and_a_repeated_attempt_is_not(tmp_path: Path, loop: str, polls: bool) -> None:
    written(tmp_path, a__sh=f"{loop}\n")
    assert bool(found(tmp_path, "POLLING")) == polls


def test_netcat_with_its_limit_written_together_has_one(tmp_path: Path) -> None:
    written(tmp_path, a__sh="nc -z -w3 h.example 80\nnc -zw3 h.example 80\n")
    assert found(tmp_path, "NO_TIMEOUT") == []


def test_functions_and_variables_of_a_sourced_script_count_where_they_are_used(tmp_path: Path) -> None:
    library = (
        "API=https://api.fieldnotes.example/v1\n"
        "get_token() { curl -m 9 -d x https://id.fieldnotes.example/oauth/token; }\n"
        'api() { local path=$1; shift; curl -m 9 --retry 2 "$@" "$API$path"; }\n'
    )
    a = '. "$(dirname "$0")/common.sh"\nget_token\napi /prices -H "A: b"\n'
    b = 'source ./common.sh\nget_token\ncurl -m 9 --retry 2 "$API/prices"\n'
    written(tmp_path, common__sh=library, a__sh=a, b__sh=b)
    assert found(tmp_path, "LOGIN_REPEATED") == [("common.sh", 2)]
    assert found(tmp_path, "PULL_REPEATED") == [("a.sh", 3), ("b.sh", 3)]


def test_a_request_shown_in_a_docstring_is_no_secret(tmp_path: Path) -> None:
    written(tmp_path, a__py='def f():\n    """Answer.\n\n    {"access_token": "2YotnFZFEjr1zCsicMWpAA"}\n    """\n')
    assert found(tmp_path, "SECRET_IN_CODE") == []


def test_a_wrapper_of_a_wrapper_asks_what_its_caller_says(tmp_path: Path) -> None:
    client = """
        import requests

        class Client:
            def __init__(self, session=None):
                self.session = session or requests.Session()

            def _request(self, method, path, **kwargs):
                kwargs.setdefault("timeout", 5)
                return self.session.request(method, "https://h.example" + path, **kwargs)

            def get(self, path, **params):
                return self._request("GET", path, params=params)

        Client().get("/v1/items", kind="open")
        """
    opened = """
        import json, urllib.request

        def api(path, data=None):
            body = json.dumps(data).encode() if data else None
            return urllib.request.urlopen("https://h.example/v1/" + path, body, 20)

        api("items?kind=open")
        api("items?kind=open", data={"a": 1})
        """
    written(tmp_path, a__py=client, b__py=opened)
    assert found(tmp_path, "PULL_REPEATED") == [("a.py", 15), ("b.py", 8)]
    assert found(tmp_path, "NO_TIMEOUT") == []


def test_the_age_of_one_file_is_one_check_however_it_is_asked(tmp_path: Path) -> None:
    ages = ("stat -c %Y data/a.csv", "date -r data/a.csv +%s", "find data/a.csv -mmin +60")
    python = 'import os, pathlib\nos.stat("data/a.csv").st_mtime\n'
    written(tmp_path, a__sh=ages[0], b__sh=ages[1], c__sh=ages[2], d__py=python, e__sh="find data/ -mtime +9 -delete")
    assert [file for file, _ in found(tmp_path, "CHECK_REPEATED")] == ["a.sh", "b.sh", "c.sh", "d.py"]
