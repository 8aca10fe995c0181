"""What the audit reads in Python, one habit at a time."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

import pytest

from steersman.automation.audit import Finding, examine

GET = 'requests.get("https://api.fieldnotes.io/v1/x")'


def audit(folder: Path, **scripts: str) -> list[Finding]:
    """Audit Python scripts given by name."""
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return list(examine(folder).report.findings)


def codes(findings: list[Finding]) -> list[tuple[str, int]]:
    return sorted((f.code, f.place.line) for f in findings)


def fixed(folder: Path, name: str) -> str:
    """Apply the whole patch and return a script as it then is."""
    patch = examine(folder).patch
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True, timeout=60)
    return (folder / f"{name}.py").read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("requests.get(u)", "requests.get(u, timeout=30)"),
        ("requests.get(u, )", "requests.get(u, timeout=30, )"),
        ("requests.get(u, headers=h(1, (2)))", "requests.get(u, headers=h(1, (2)), timeout=30)"),
        ("requests.get((u))", "requests.get((u), timeout=30)"),
        ("requests.get(u, timeout=None)", "requests.get(u, timeout=30)"),
        ("requests.get(\n    u,  # where\n)", "requests.get(\n    u,  # where\n    timeout=30,\n)"),
        ("requests.get(\n    u  # where\n)", "requests.get(\n    u, timeout=30  # where\n)"),
        ("requests.get('ü' + u)", "requests.get('ü' + u, timeout=30)"),
        ("requests.get(f'{u}/(x,)')", "requests.get(f'{u}/(x,)', timeout=30)"),
    ],
)
def test_a_timeout_is_added_where_it_belongs(tmp_path: Path, before: str, after: str) -> None:
    audit(tmp_path, a=f"import requests\n\n{before}\n")
    assert fixed(tmp_path, "a") == f"import requests\n\n{after}\n"


def test_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfimport requests\r\nrequests.get(u)\r\n")
    patch = examine(tmp_path).patch
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "a.py").read_bytes() == b"\xef\xbb\xbfimport requests\r\nrequests.get(u, timeout=30)\r\n"


def test_a_file_without_a_last_line_end_can_be_patched(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import requests\nrequests.get(u)", encoding="utf-8")
    assert fixed(tmp_path, "a") == "import requests\nrequests.get(u, timeout=30)"


@pytest.mark.parametrize(
    "script",
    [
        (
            "import functools, requests\nget = functools.partial(requests.get, timeout=5)\nfor _ in range(3):\n"
            "    try:\n        get(u)\n        break\n    except OSError:\n        pass\n"
        ),
        "import requests\ndef f(**kw):\n    return requests.post(u, **kw)\nf(timeout=3)\n",
        (
            "import requests\nclass S(requests.Session):\n    def request(self, *a, **k):\n"
            "        k.setdefault('timeout', 5)\n        return super().request(*a, **k)\nS().post(u)\n"
        ),
        (
            "import requests, functools\ns = requests.Session()\ns.request = functools.partial(s.request, timeout=5)\n"
            "s.post(u)\n"
        ),
        "from urllib.request import urlopen\nurlopen(u, b'x', 10)\n",
        "import subprocess\nlimits = {'timeout': 3}\nsubprocess.run(['x'], **limits)\n",
    ],
)
def test_a_timeout_set_elsewhere_counts(tmp_path: Path, script: str) -> None:
    assert "NO_TIMEOUT" not in [c for c, _ in codes(audit(tmp_path, a=script))]


def test_a_wrapper_whose_callers_give_no_timeout_is_found(tmp_path: Path) -> None:
    found = audit(tmp_path, a="import requests\ndef f(**kw):\n    return requests.post(u, **kw)\nf(json={})\n")
    assert codes(found) == [("NO_TIMEOUT", 3)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('requests.get("https://h.io/a?x=1&y=2")', 'requests.get("https://h.io/a/", params={"y": 2, "x": "1"})'),
        ('requests.get("https://H.io/a")', 'httpx.get("http" + "s://h.io/a")'),
        ('requests.get("https://h.io/%s" % day)', 'requests.get("https://h.io/{}".format(other))'),
        ('requests.get("https://h.io/a?key=1")', 'requests.get("https://h.io/a", params={"key": k})'),
        ('requests.get(os.environ["B"] + "/a")', "requests.get(f\"{os.getenv('B')}/a\")"),
    ],
)
def test_the_same_request_is_known_however_it_is_written(tmp_path: Path, one: str, other: str) -> None:
    head = "import os, requests, httpx\n"
    found = audit(tmp_path, a=head + one, b=head + other)
    assert [f.place.file for f in found if f.code == "PULL_REPEATED"] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('requests.get("https://h.io/a")', 'requests.get("https://g.io/a")'),
        ('requests.get("https://h.io/a?x=1")', 'requests.get("https://h.io/a?x=2")'),
        ('requests.get("https://h.io/a")', 'requests.post("https://h.io/a")'),
        ("requests.get(u)", "requests.get(u)"),
        ('requests.get(base + "/a")', 'requests.get(base + "/a")'),
    ],
)
def test_other_requests_are_not_the_same(tmp_path: Path, one: str, other: str) -> None:
    found = audit(tmp_path, a="import requests\n" + one, b="import requests\n" + other)
    assert "PULL_REPEATED" not in {f.code for f in found}


def test_two_requests_in_one_script_are_no_sharing_between_scripts(tmp_path: Path) -> None:
    assert "PULL_REPEATED" not in {f.code for f in audit(tmp_path, a=f"import requests\n{GET}\n{GET}\n")}


def test_a_parameter_of_a_pull_is_called_alike_in_every_script(tmp_path: Path) -> None:
    script = """
        import requests
        def bars({0}):
            return requests.get(f"https://h.io/bars/{{{0}}}", timeout=3).json()
        """
    audit(tmp_path, a=script.format("symbol"), b=script.format("ticker"))
    assert 'return pull("bars", symbol=symbol).json()' in fixed(tmp_path, "a")
    assert 'return pull("bars", symbol=ticker).json()' in (tmp_path / "b.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("use", "why"),
    [
        ("r = {0}\nif r.status_code == 200: print(r.json())", "`.status_code` of the response is used in line 3"),
        ("r = {0}\nshow(r)", "the response is handed on in line 3"),
        ("r = {0}\nr = 3", "`r` is assigned more than once"),
        ("with {0} as r: print(r.text)", "the response is used as a context and read piece by piece"),
        ("show({0})", "the response itself is handed on"),
    ],
)
def test_no_edit_is_made_where_it_would_change_what_the_script_does(tmp_path: Path, use: str, why: str) -> None:
    script = "import requests\n" + use.format(GET)
    (first, _) = (f for f in audit(tmp_path, a=script, b=script) if f.code == "PULL_REPEATED")
    assert (first.diff, first.why_no_edit) == ("", why)


def test_a_response_is_followed_to_its_text_and_bytes(tmp_path: Path) -> None:
    script = f"import requests\nr = {GET}\nr.raise_for_status()\nprint(r.text, r.content, r.json())\n"
    audit(tmp_path, a=script, b=script)
    assert fixed(tmp_path, "a") == (
        'import requests\nfrom steersman.client import pull\nr = pull("x")\nprint(r.text(), r.bytes(), r.json())\n'
    )


def test_a_name_in_use_is_not_taken_away(tmp_path: Path) -> None:
    script = f"import requests\ndef pull(): return {GET}.json()\n"
    audit(tmp_path, a=script, b=script)
    assert fixed(tmp_path, "a").splitlines()[1:] == [
        "from steersman.client import pull as steersman_pull",
        'def pull(): return steersman_pull("x").json()',
    ]


def test_the_import_stands_below_docstring_and_future(tmp_path: Path) -> None:
    script = f'#!/usr/bin/env python3\n"""Says."""\nfrom __future__ import annotations\nimport requests\n{GET}.json()\n'
    audit(tmp_path, a=script, b=script)
    assert fixed(tmp_path, "a").splitlines()[3:5] == ["import requests", "from steersman.client import pull"]


def test_a_module_that_scripts_share_counts_for_each_of_them(tmp_path: Path) -> None:
    login = (
        'import requests\ndef login():\n    return requests.post("https://h.io/oauth/token").json()["access_token"]\n'
    )
    one = audit(tmp_path, shared=login, a="import shared\nshared.login()\n")
    assert "LOGIN_REPEATED" not in {f.code for f in one}
    two = audit(tmp_path, b="from shared import login\nlogin()\n")
    (found,) = (f for f in two if f.code == "LOGIN_REPEATED")
    assert (found.place.file, found.what) == ("shared.py", "in 2 scripts: the login at https://h.io/oauth/token")


def test_only_the_token_may_be_used_of_a_login(tmp_path: Path) -> None:
    script = """
        import requests
        answer = requests.post("https://h.io/oauth/token").json()
        print(answer["access_token"], answer["expires_in"])
        """
    found = [f for f in audit(tmp_path, a=script, b=script) if f.code == "LOGIN_REPEATED"]
    assert [f.why_no_edit for f in found] == ["more than the token of the answer is used in line 4"] * 2


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n    if os.path.exists(p):\n        break\n    time.sleep(1)",
        "while not os.path.exists(p):\n    time.sleep(1)",
        "state = ''\nwhile state != 'done':\n    state = ask(job)\n    time.sleep(1)",
        "for _ in range(9):\n    if os.path.exists(p):\n        break\n    time.sleep(1)",
        "while True:\n    work()\n    time.sleep(60)",
        "import asyncio\nasync def f():\n    while not done():\n        await asyncio.sleep(1)",
    ],
)
def test_a_loop_that_sleeps_until_something_is_polling(tmp_path: Path, loop: str) -> None:
    assert [c for c, _ in codes(audit(tmp_path, a=f"import os, time\n{loop}\n"))] == ["POLLING"]


@pytest.mark.parametrize(
    "loop",
    [
        "for name in names:\n    work(name)\n    time.sleep(1)",
        "while True:\n    try:\n        work()\n        break\n    except OSError:\n        time.sleep(1)",
        "while queue:\n    work(queue.pop())\n    time.sleep(1)",
        "while page:\n    page = ask(page)\n    time.sleep(1)",
        "at = None\nwhile True:\n    batch, at = ask(at)\n    if not at:\n        break\n    time.sleep(1)",
        "for n in range(9):\n    if not ask(page=n):\n        break\n    time.sleep(1)",
        "while True:\n    for item in items():\n        time.sleep(1)\n    wait()",
    ],
)
def test_a_pause_between_different_things_is_no_polling(tmp_path: Path, loop: str) -> None:
    assert codes(audit(tmp_path, a=f"import time\n{loop}\n")) == []


def test_a_read_that_a_retrying_caller_repeats_is_retried(tmp_path: Path) -> None:
    script = """
        import requests
        def get():
            return requests.get(u, timeout=1)
        def patient():
            for attempt in range(3):
                try:
                    return get()
                except OSError:
                    pass
        """
    assert codes(audit(tmp_path, a=script)) == []
    assert codes(audit(tmp_path, a=script.replace("try:", "if 1:").replace("except OSError:", "else:"))) == [
        ("NO_RETRY", 4)
    ]


def test_a_script_that_also_sends_is_not_told_to_run_again(tmp_path: Path) -> None:
    script = "import requests\nrequests.get(u, timeout=1)\nrequests.post(u, timeout=1)\n"
    (found,) = audit(tmp_path, a=script)
    assert (found.code, found.declare) == ("NO_RETRY", "")
    assert "the script also sends (line 3)" in found.next_step


def test_a_script_that_is_deeply_nested_is_not_read_or_read_but_never_fatal(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000, encoding="utf-8")
    (tmp_path / "sum.py").write_text("x = " + " + ".join(["a"] * 3000), encoding="utf-8")
    report = examine(tmp_path).report
    assert report.findings == ()


def test_a_request_that_sends_a_key_says_that_the_pull_must(tmp_path: Path) -> None:
    get = 'import requests\nrequests.get("https://h.io/a", timeout=3{}).json()\n'
    headers, params = ', headers={"X-Key": k}', ', params={"apikey": k}'
    found = audit(tmp_path, a=get.format(headers), b=get.format(params), c=get.format(""))
    told = {f.place.file: "say so in [pull.a] (provider, headers)" in f.next_step for f in found if f.group == "h.io/a"}
    assert told == {"a.py": True, "b.py": True, "c.py": False}
