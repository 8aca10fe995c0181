"""Fetch the files of other projects that we ship, as written in a lock: version, integrity, licence; no host.

`python scripts/vendor.py` fetches what is locked and refuses anything else; `--update NAME@VERSION` moves a package to
a version and writes the lock. Both need npm, whose settings say where packages come from.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "src/steersman/console/static/vendor/lock.json"


def integrity(content: bytes) -> str:
    """Return the subresource-integrity text of `content`, as npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def pack(name: str, version: str, folder: Path) -> bytes:
    """Return the package as npm hands it out."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"]
    shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return (folder / shown.strip().splitlines()[-1]).read_bytes()


def fetch(package: dict[str, Any], *, update: bool) -> None:
    """Write the files of one package into the tree, and with `update` their integrity into `package`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = pack(package["name"], package["version"], folder)
        if not update and integrity(archive) != package["integrity"]:
            raise SystemExit(f"{package['name']}@{package['version']} is not what the lock says: nothing was written")
        package["integrity"] = integrity(archive)
        packed = folder / "package.tgz"
        packed.write_bytes(archive)
        with tarfile.open(packed) as tar:
            for file in package["files"]:
                member = tar.extractfile(f"package/{file['from']}")
                if member is None:
                    raise SystemExit(f"{package['name']}: no file {file['from']}")
                content = member.read()
                target = ROOT / file["to"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                file["integrity"] = integrity(content)
    print(f"{package['name']} {package['version']}: {len(package['files'])} files")


def main() -> int:
    """Fetch every locked package, or move one."""
    parser = argparse.ArgumentParser(description="Fetch the vendored npm files.")
    parser.add_argument("--update", metavar="NAME@VERSION", default="")
    options = parser.parse_args()
    lock = json.loads(LOCK.read_text(encoding="utf-8"))
    name, _, version = options.update.rpartition("@")
    if name and name not in {package["name"] for package in lock["packages"]}:
        print(f"{name} is not in {LOCK.relative_to(ROOT)}: add its name, licence and files there first")
        return 2
    for package in lock["packages"]:
        moves = package["name"] == name
        if moves:
            package["version"] = version
        if moves or not name:
            fetch(package, update=moves)
    LOCK.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
