"""What the audit reads in shell, one habit at a time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from steersman.automation.audit import Finding, examine


def audit(folder: Path, **scripts: str) -> list[Finding]:
    for name, text in scripts.items():
        (folder / f"{name}.sh").write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    return list(examine(folder).report.findings)


def codes(findings: list[Finding]) -> list[str]:
    return sorted(f.code for f in findings)


def fixed(folder: Path, name: str) -> str:
    patch = examine(folder).patch
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=folder, check=True, timeout=60)
    text = (folder / f"{name}.sh").read_text(encoding="utf-8")
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=60)
    return text.removeprefix("#!/bin/bash\n").removesuffix("\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("curl -X POST https://h.io/a", "curl --max-time 30 -X POST https://h.io/a"),
        ("sudo -u me wget https://h.io/a", "sudo -u me wget --timeout=30 https://h.io/a"),
        ('ssh me@h.io "ls"', 'ssh -o ConnectTimeout=10 me@h.io "ls"'),
        ("psql -c x", "PGCONNECT_TIMEOUT=10 psql -c x"),
        ("A=1 psql -c x", "A=1 PGCONNECT_TIMEOUT=10 psql -c x"),
        ("sudo psql -c x", "sudo env PGCONNECT_TIMEOUT=10 psql -c x"),
        ("rsync -a x h.io:/", "rsync --timeout=60 -a x h.io:/"),
        ("x=$(curl -T f https://h.io/a)", "x=$(curl --max-time 30 -T f https://h.io/a)"),
        ("curl -s https://h.io/a | jq .", "curl --max-time 30 --retry 3 -s https://h.io/a | jq ."),
    ],
)
def test_a_limit_is_added_where_it_belongs(tmp_path: Path, before: str, after: str) -> None:
    audit(tmp_path, a=before)
    assert fixed(tmp_path, "a") == after


@pytest.mark.parametrize(
    "script",
    [
        "curl -sSfm 10 --retry 3 https://h.io/a",
        "curl -m10 -d x https://h.io/a",
        "timeout 30 curl -d x https://h.io/a",
        "export PGCONNECT_TIMEOUT=5\npsql -c x",
        "psql 'host=h.io connect_timeout=5' -c x",
        "ssh -oConnectTimeout=5 me@h.io ls",
        "retry 3 curl -m 5 https://h.io/a",
        "for n in 1 2 3; do curl -m 5 https://h.io/a && break; sleep 1; done",
        "curl --version",
        'echo "curl https://h.io/a"',
        "# curl https://h.io/a",
    ],
)
def test_what_has_a_limit_and_a_retry_is_left_alone(tmp_path: Path, script: str) -> None:
    assert codes(audit(tmp_path, a=script)) == []


def test_a_request_is_the_same_in_shell_and_python(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(
        'import requests\nrequests.get("https://h.io/a", params={"y": 2, "x": 1}, timeout=3).json()\n', encoding="utf-8"
    )
    audit(tmp_path, a='H=https://h.io\ncurl -sm 5 --retry 2 "$H/a?x=1&y=2" -o a.json')
    assert fixed(tmp_path, "a") == "H=https://h.io\nsteersman pull a --out a.json"
    assert 'pull("a").json()' in (tmp_path / "b.py").read_text(encoding="utf-8")


def test_a_function_is_read_at_its_callers(tmp_path: Path) -> None:
    script = 'get() { curl -sm 5 --retry 2 "https://h.io/$1"; }\nget prices\nget volumes'
    found = audit(tmp_path, a=script, b="curl -sm 5 --retry 2 https://h.io/prices")
    assert [(f.place.file, f.place.line) for f in found if f.code == "PULL_REPEATED"] == [("a.sh", 3), ("b.sh", 2)]


def test_a_login_by_curl_and_jq_becomes_a_lease(tmp_path: Path) -> None:
    login = "T=$(curl -sm 5 -d a=b https://h.io/oauth2/token | jq -r .access_token)"
    audit(tmp_path, a=login, b=login)
    assert fixed(tmp_path, "a") == "T=$(steersman token h)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("API_TOKEN=Zx81kQpL0v7Rt2Ws", 'API_TOKEN="$(steersman token api_token)"'),
        ('API_TOKEN="Zx81kQpL0v7Rt2Ws"', 'API_TOKEN="$(steersman token api_token)"'),
        ("API_TOKEN='Zx81kQpL0v7Rt2Ws'", 'API_TOKEN="$(steersman token api_token)"'),
        ("echo 'Bearer Zx81kQpL0v7Rt2Ws'", "echo 'Bearer '\"$(steersman token authorization)\""),
        ("x --password=Zx81kQpL0v7Rt2Ws", 'x --password="$(steersman token option)"'),
    ],
)
def test_a_secret_becomes_a_lease_in_any_quotes(tmp_path: Path, before: str, after: str) -> None:
    found = audit(tmp_path, a=before)
    assert codes(found) == ["SECRET_IN_CODE"]
    assert "Zx81kQpL0v7Rt2Ws" not in "".join((f.what + f.diff + f.declare + f.group) for f in found)
    assert fixed(tmp_path, "a") == after


def test_a_secret_in_a_here_document_is_for_a_person(tmp_path: Path) -> None:
    (found,) = audit(tmp_path, a="cat <<'EOF'\nurl = postgres://me:Zx81kQpL0v7Rt2Ws@h.io/db\nEOF")
    assert (found.diff, found.why_no_edit) == ("", "it stands in a here-document, whose quoting decides")


@pytest.mark.parametrize(
    "loop",
    [
        "until [ -f x ]; do sleep 1; done",
        "while ! pgrep -x thing; do sleep 1; done",
        "while true; do work; sleep 60; done",
        "while :; do if [ -f x ]; then break; fi; sleep 1; done",
        "for n in $(seq 60); do [ -f x ] && break; sleep 1; done",
    ],
)
def test_a_loop_that_sleeps_until_something_is_polling(tmp_path: Path, loop: str) -> None:
    assert codes(audit(tmp_path, a=loop)) == ["POLLING"]


@pytest.mark.parametrize(
    "loop",
    [
        "while read -r x; do work $x; sleep 1; done < list",
        "for x in a b c; do work $x; sleep 1; done",
        "n=0\nwhile [ $n -lt 5 ]; do curl -m 5 https://h.io/a && break; n=$((n+1)); sleep 1; done",
        'while [ -n "$x" ]; do x=${x%?}; done',
    ],
)
def test_a_pause_between_different_things_is_no_polling(tmp_path: Path, loop: str) -> None:
    assert codes(audit(tmp_path, a=loop)) == []


def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.sh").write_text("echo a\nif true; then\n", encoding="utf-8")
    (tmp_path / "old.py").write_text("x = 1\nprint x\n", encoding="utf-8")
    (tmp_path / "binary.py").write_bytes(b"x = 1\0")
    (tmp_path / "latin.sh").write_bytes(b"echo a\necho \xe4\n")
    (tmp_path / "large.py").write_bytes(b"#" * (1 << 20) + b"#")
    (tmp_path / "other").write_text("#!/usr/bin/env perl\nprint 1;\n", encoding="utf-8")
    (tmp_path / "named").write_text("#!/usr/bin/env python3\nimport requests\nrequests.post('u')\n", encoding="utf-8")
    (tmp_path / "data.csv").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "link.py").symlink_to(tmp_path / "old.py")
    report = examine(tmp_path).report
    assert {(n.file, n.line): n.reason for n in report.not_read} == {
        ("binary.py", None): "binary, not text",
        ("broken.sh", 2): "not shell as bash reads it",
        ("large.py", None): "larger than 1,048,576 bytes: data, not a script",
        ("latin.sh", 2): "byte 12 is not UTF-8",
        ("old.py", 2): "not Python 3: Missing parentheses in call to 'print'. Did you mean print(...)?",
        ("other", 1): "not Python or shell, but perl",
    }
    assert [(f.code, f.place.file) for f in report.findings] == [("NO_TIMEOUT", "named")]
