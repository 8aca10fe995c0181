"""What we ship of others is what the lock says, with its licence."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "src/steersman/console/static/vendor"
LOCK = json.loads((FOLDER / "lock.json").read_text(encoding="utf-8"))


def test_every_vendored_file_is_the_locked_one() -> None:
    locked = set()
    for package in LOCK["packages"]:
        assert package["integrity"].startswith("sha512-")
        assert package["licence"]
        for file in package["files"]:
            content = (ROOT / file["to"]).read_bytes()
            found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
            assert found == file["integrity"], file["to"]
            locked.add(ROOT / file["to"])
    there = {*FOLDER.iterdir(), *(ROOT / "tests/e2e/vendor").iterdir()} - {FOLDER / "lock.json"}
    assert there == locked


def test_every_package_comes_with_its_licence_and_no_host() -> None:
    for package in LOCK["packages"]:
        assert any("LICENSE" in file["from"] for file in package["files"]), package["name"]
    assert "://" not in (FOLDER / "lock.json").read_text(encoding="utf-8")
