"""Peers' environments: made once, whole or again, and never silently missing. A shell script plays Python."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from steersman.bench import peer_venv
from steersman.bench.peer_venv import PREFECT, PREFECT_NEEDS, Peer, nautilus, prefect
from steersman.kernel.errors import Unavailable

BENCH = Path(peer_venv.__file__).parent
# `-m venv DIR` makes DIR/bin/python, a copy of itself; `-m pip ...` ends with what $PIP says; each is noted in $LOG.
PYTHON = """#!/bin/sh
echo "$@" >> "{log}"
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; exit {venv}; fi
exit {pip}
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # the environment of these tests has uv
    return tmp_path / "log"


def python_is(monkeypatch: pytest.MonkeyPatch, log: Path, *, venv: int = 0, pip: int = 0) -> None:
    fake = log.with_name("python")
    fake.write_text(PYTHON.format(log=log, venv=venv, pip=pip))
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))


def test_an_environment_is_made_once_with_the_exact_version(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_is(monkeypatch, log)
    assert nautilus() == nautilus()
    asked = log.read_text().splitlines()
    assert len(asked) == 2
    assert asked[1].endswith("install --only-binary=:all: nautilus_trader==1.221.0")
    assert nautilus().python.is_relative_to(log.parent / "cache" / "steersman" / "peers")


def test_one_that_cannot_be_installed_says_so_and_is_tried_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_is(monkeypatch, log, pip=1)
    with pytest.raises(Unavailable, match=r"pip .* nautilus_trader==1\.221\.0` ended with 1"):
        nautilus()
    python_is(monkeypatch, log)
    assert nautilus().python.is_file()
    assert len(log.read_text().splitlines()) == 4


# `uv venv ... DIR` makes DIR/bin/python; each call is noted in $LOG.
UV = """#!/bin/sh
echo "$@" >> "{log}"
if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin" && touch "$last/bin/python"; fi
"""


def test_uv_makes_it_where_there_is_one_and_fetches_no_python(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = log.with_name("tools")
    tools.mkdir()
    (tools / "uv").write_text(UV.format(log=log))
    (tools / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    assert prefect() == prefect()
    made, installed = log.read_text().splitlines()
    assert made.startswith(f"venv --no-python-downloads --python {sys.executable} ")
    assert installed.endswith(f"--only-binary=:all: prefect=={PREFECT} {' '.join(PREFECT_NEEDS)}")


def test_an_environment_with_other_requirements_is_made_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_is(monkeypatch, log)
    nautilus().python.parents[1].joinpath("ready").write_text("nautilus_trader==1.0\n")
    nautilus()
    assert len(log.read_text().splitlines()) == 4


def test_a_python_without_venv_names_the_package_to_install(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python_is(monkeypatch, log, venv=1)
    with pytest.raises(Unavailable) as caught:
        nautilus()
    assert "python3-venv" in caught.value.fix


def a_peer(tmp_path: Path, script: str) -> Peer:
    (tmp_path / "s.py").write_text(script)
    return Peer(name="peer", version="1", python=Path(sys.executable), scripts=tmp_path)


def test_a_script_gives_the_json_of_its_last_line(tmp_path: Path) -> None:
    peer = a_peer(tmp_path, 'import sys; print("noise"); print(\'{"got": "\' + sys.argv[1] + \'"}\')')
    assert peer.run("s.py", 5) == {"got": "5"}


@pytest.mark.parametrize("script", ['raise SystemExit("it broke")', ""])
def test_a_script_that_fails_or_says_nothing_is_unavailable(tmp_path: Path, script: str) -> None:
    with pytest.raises(Unavailable, match=r"it broke|said: nothing"):
        a_peer(tmp_path, script).run("s.py")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_peers_scripts_and_our_code_never_import_each_other() -> None:
    scripts = sorted((BENCH / "peers").rglob("*.py"))
    assert scripts
    for script in scripts:
        assert not [name for name in imported(script) if name.startswith("steersman")], script.name
    for module in BENCH.parent.rglob("*.py"):
        if module not in scripts:
            names = imported(module)
            assert not [n for n in names if n.startswith(("nautilus_trader", "steersman.bench.peers"))], module.name
