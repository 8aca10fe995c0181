"""Run every test: what may share the machine on both cores, then what must have it alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def install_chromium() -> None:
    """Install Debian's Chromium when this is Debian, we are root, and none is there; the tests say so otherwise."""
    if shutil.which("chromium") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print("installing chromium for the browser tests (apt-get)", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)


def run(*arguments: str) -> int:
    """Run pytest; "nothing collected" is not a failure of a half."""
    code = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    return 0 if code == 5 else code


def main() -> int:
    """Return pytest's verdict; with arguments, run just those."""
    install_chromium()
    if len(sys.argv) > 1:
        return run(*sys.argv[1:])
    alone = run("-m", "serial")
    together = run("-m", "not serial", "-n", "2", "--dist", "loadfile")
    return together or alone


if __name__ == "__main__":
    sys.exit(main())
