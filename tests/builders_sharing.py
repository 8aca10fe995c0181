"""Workspaces whose scripts share a login and data, with a source on disk that counts how often it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steersman.bootstrap.desk import open_desk

SECRET = "planted-7Qm2xVn8Rt4Kp0Zs"
MANIFEST = """
[desk]
name = "Sharing"
[provider.shop]
kind = "api_key"
key = "env:SHOP_KEY"
[pull.bars]
command = "source.sh"
ttl = "1h"
rows_min = 1
[pull.bars.schema]
day = { type = "int" }
close = { type = "float", min = 0 }
[automation.job]
run = "job.py"
timeout = "1m"
"""
# Slow enough that everybody who starts together asks while it is still at work.
SOURCE = """\
#!/bin/sh
echo asked >> asked.log
sleep "${SOURCE_S:-0}"
echo day,close
echo 1,2.5
echo 2,3.5
"""


class Sharing:
    """One workspace; `run` and `start` are scripts as cron would start them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "steersman.toml").write_text(MANIFEST, encoding="utf-8")
        self.script("print(1)")
        source = root / "source.sh"
        source.write_text(SOURCE, encoding="utf-8")
        source.chmod(0o755)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("STEERSMAN_")}
        self.env |= {"SHOP_KEY": SECRET, "STEERSMAN_WORKSPACE": str(root)}

    @property
    def asked(self) -> int:
        """How often the source was asked, as it says itself."""
        log = self.root / "asked.log"
        return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0

    def script(self, body: str, name: str = "job.py") -> Path:
        path = self.root / name
        path.write_text(textwrap.dedent(body), encoding="utf-8")
        return path

    def start(self, name: str = "job.py", **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, name], cwd=self.root, env={**self.env, **env}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, name: str = "job.py", **env: str) -> subprocess.CompletedProcess[str]:
        with self.start(name, **env) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def command(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "steersman.cli", *arguments], cwd=self.root, env={**self.env, **env},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    @contextmanager
    def served(self, **env: str) -> Iterator[subprocess.Popen[str]]:
        """Serve logins and data meanwhile, in a process of its own, as the desk would."""
        process = subprocess.Popen(
            [sys.executable, "-m", "steersman.cli", "serve", "services", "--json"], cwd=self.root,
            env={**self.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["providers"] == 1
            try:
                yield process
            finally:
                process.terminate()

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Return the data of the events of these types, with their actor."""
        desk = open_desk(self.root)
        try:
            found = desk.ledger.read(types=types or None)
            return [json.loads(e.data) | {"_actor": e.actor, "_type": e.type} for e in found]
        finally:
            desk.close()
