"""Runs in an environment of its own: what detect-secrets, bandit and ruff find in a folder of scripts, as JSON.

Usage: scan.py FOLDER. Prints {tool: [[file, line], ...]} on its last line; files relative to FOLDER.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def run(*command: str) -> str:
    # Findings make these tools exit with 1: only what they print counts.
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout


def relative(folder: Path, name: str) -> str:
    path = Path(name)
    return str(path.relative_to(folder)) if path.is_absolute() else name


def main(folder: Path) -> None:
    # Without verification: it would send what it finds to the issuers, and drop what they refuse.
    scan = ("scan", "--all-files", "--no-verify", ".")
    secrets = json.loads(run(sys.executable, "-m", "detect_secrets", "-C", str(folder), *scan))
    bandit = json.loads(run(sys.executable, "-m", "bandit", "-r", "-q", "-f", "json", str(folder)))["results"]
    ruff = json.loads(
        run(
            str(BIN / "ruff"), "check", "--isolated", "--no-cache", "--select=S113", "--output-format=json", str(folder)
        )
    )
    hardcoded = ("B105", "B106", "B107")
    found = {
        "detect-secrets": [[name, hit["line_number"]] for name, hits in secrets["results"].items() for hit in hits],
        "bandit B105-B107": [[r["filename"], r["line_number"]] for r in bandit if r["test_id"] in hardcoded],
        "bandit B113": [[r["filename"], r["line_number"]] for r in bandit if r["test_id"] == "B113"],
        "ruff S113": [[r["filename"], r["location"]["row"]] for r in ruff if r["code"] == "S113"],
    }
    placed = {tool: [[relative(folder, n), line] for n, line in hits] for tool, hits in found.items()}
    print(json.dumps(placed))


main(Path(sys.argv[1]).resolve())
