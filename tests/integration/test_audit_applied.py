"""What `auto audit --fix` writes, used: all of it pasted, the patch applied, the scripts run on a real vendor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from steersman.bootstrap.sample import make_empty
from steersman.bootstrap.workspace import load_workspace
from steersman.cli.main import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "before_after"
SECRET = "open-sesame-of-this-test"
SCRIPTS = ("morning_report", "news_digest", "risk_check", "stop_watch", "watchlist")
SHELL = """#!/bin/sh
TOKEN=$(curl -s -u "desk:$VENDOR_SECRET" -d grant_type=client_credentials {url}/oauth/token | jq -r .access_token)
curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/news > {name}.json
wc -c < {name}.json
"""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("VENDOR_SECRET", SECRET)
    # It stands beside the example, in no package.
    serving = import_module("vendor").Vendor(0, SECRET, latency_s=0.0)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    thread.join()
    serving.server_close()


def shell_desk(root: Path, url: str) -> None:
    """Two shell scripts that log in and ask alike, run with the PATH of a crontab."""
    for name in ("a", "b"):
        script = root / "automations" / f"{name}.sh"
        script.write_text(SHELL.format(url=url, name=name), encoding="utf-8")
        script.chmod(0o755)
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        for name in ("a", "b"):
            run_ = f"env -C {root}/automations {root}/automations/{name}.sh"
            file.write(f'\n[automation.{name}]\nrun = "{run_}"\nenv = {{ PATH = "/usr/bin:/bin" }}\n')


def fixed(root: Path, folder: Path) -> None:
    """Run the audit, paste what it wants declared as it is, and apply its patch."""
    assert run("auto", ["audit", str(folder), "--fix"]) == 1
    with (root / "steersman.toml").open("a", encoding="utf-8") as file:
        file.write(Path("audit.toml").read_text(encoding="utf-8"))
    load_workspace(root)
    patch = Path("audit.patch").read_bytes()
    subprocess.run(["patch", "-p1", "-d", str(folder)], input=patch, check=True, capture_output=True, timeout=60)


def said(folder: Path, name: str, env: dict[str, str]) -> str:
    command = [sys.executable, f"{name}.py"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readmes_scripts_say_the_same_after_the_patch_and_ask_the_vendor_less(
    tmp_path: Path, vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root, scripts = tmp_path / "desk", tmp_path / "desk" / "automations"
    make_empty(root)
    shutil.copytree(EXAMPLE / "before", scripts, dirs_exist_ok=True)
    for script in scripts.glob("*.py"):
        text = script.read_text(encoding="utf-8").replace("http://127.0.0.1:8765", vendor.url)
        script.write_text(text, encoding="utf-8")
    before = {name: said(scripts, name, {}) for name in SCRIPTS}
    assert (vendor.counts["logins"], vendor.counts["calls"]) == (5, 10)
    fixed(root, scripts)
    after = {name: said(scripts, name, {"STEERSMAN_WORKSPACE": str(root)}) for name in SCRIPTS}
    assert after == before
    # One login is shared; watchlist's and two reads are by hand, and the audit says so.
    assert (vendor.counts["logins"] - 5, vendor.counts["calls"] - 10) == (2, 6)


@pytest.mark.skipif(shutil.which("jq") is None or shutil.which("curl") is None, reason="needs curl and jq")
def test_patched_shell_scripts_find_steersman_under_the_path_of_a_crontab(
    tmp_path: Path, vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "desk"
    make_empty(root)
    shell_desk(root, vendor.url)
    fixed(root, root / "automations")
    assert "steersman pull news" in (root / "automations" / "a.sh").read_text(encoding="utf-8")
    for name in ("a", "b"):
        assert run("auto", ["run", name, "--alone", "--dir", str(root)]) == 0
    assert (root / "automations" / "b.json").stat().st_size > 1000
    assert (vendor.counts["logins"], vendor.counts["calls"]) == (1, 1)
