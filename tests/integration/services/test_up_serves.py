"""A whole desk serves its scripts; when it is killed they help themselves, and the next one takes its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.builders_automation import wait_for
from tests.builders_sharing import SECRET, Sharing

from steersman.client.wire import NobodyAnswers, ask

JOB = """
    from steersman.client import pull, result, token
    token("shop")
    result(rows=len(pull("bars").rows()))
"""
PAGES = ("/", "/inbox", "/halts", "/orders", "/signals", "/venues", "/about")


@contextmanager
def up(sharing: Sharing) -> Iterator[str]:
    """Run the workspace's core and desk; yield the console's address."""
    command = [sys.executable, "-m", "steersman.cli", "up", "--port", "0", "--json"]
    with (
        (sharing.root / "up.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=sharing.root, env=sharing.env, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def serving_pid(sharing: Sharing) -> int:
    """Return the process that answers scripts, 0 if none does."""
    try:
        return int(ask(str(sharing.root), {"op": "ping"}, timeout_s=10)["pid"])
    except NobodyAnswers:
        return 0


def pages(url: str, sharing: Sharing) -> str:
    """Return what a signed-in person sees, all pages together."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    code = (sharing.root / ".steersman" / "console.token").read_text(encoding="ascii").strip()
    shown = []
    for page in (f"/login?token={code}", *PAGES):
        with browser.open(f"{url.rstrip('/')}{page}", timeout=30) as answer:
            shown.append(answer.read().decode())
    return "\n".join(shown)


def test_a_desk_serves_its_scripts_and_its_death_stops_none_of_them(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path)
    sharing.script(JOB)
    with up(sharing) as url:
        first = serving_pid(sharing)
        assert json.loads((tmp_path / ".steersman" / "desk.json").read_text())["pid"] == first
        (ran,) = json.loads(sharing.command("auto", "run", "job", "--json").stdout)
        assert ran["result"] == {"rows": 2}
        shown = pages(url, sharing)
        with (tmp_path / "steersman.toml").open("a", encoding="utf-8") as file:
            file.write("\n[pull.later]\nurl = 'http://127.0.0.1:9/x'\n[automation.later]\nrun = 'true'\n")
        loaded = "automation.manifest.loaded"
        wait_for(lambda: [e for e in sharing.events() if e["_type"] == loaded and e["added"] == ["later"]])
        assert "there is no pull" not in sharing.command("pull", "later").stderr, "the desk asks for it, in vain"
        os.kill(first, signal.SIGKILL)
        assert sharing.run().stdout == '::result {"rows":2}\n', "a script helps itself meanwhile"
        wait_for(lambda: serving_pid(sharing) not in (0, first), timeout_s=60)
        assert sharing.run().stdout == '::result {"rows":2}\n'
    assert sharing.asked == 1
    assert not (tmp_path / ".steersman" / "services.sock").exists()
    assert "Sharing" in shown
    for text in (shown, (tmp_path / "up.log").read_text(encoding="utf-8"), json.dumps(everything(sharing))):
        assert SECRET not in text


def everything(sharing: Sharing) -> list[dict[str, Any]]:
    """Return all events; leases are named after who asked, with the run where there is one."""
    found = sharing.events()
    leases = [e for e in found if e["_type"] == "services.lease.granted"]
    assert [lease["who"] for lease in leases] == ["automation:job", "script:job.py", "script:job.py"]
    assert [bool(lease["run_id"]) for lease in leases] == [True, False, False]
    return found
