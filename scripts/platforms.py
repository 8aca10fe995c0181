"""Run the tests against real platforms: install what they need, say what ran and what no machine of ours can run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from scripts.test import apt_get, no_servers_started


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A real platform that the tests start by themselves.

    Attributes:
        needs: Debian's packages, and how to see that each is there.
    """

    name: str
    needs: dict[str, Callable[[], bool]]

    def missing(self) -> list[str]:
        """Return the packages that are not there."""
        return [package for package, is_there in self.needs.items() if not is_there()]


def _has(program: str) -> Callable[[], bool]:
    return lambda: any(Path(folder, program).exists() for folder in (*os.get_exec_path(), "/usr/sbin", "/sbin"))


def _php_has(module: str) -> Callable[[], bool]:
    def asked() -> bool:
        if not shutil.which("php"):
            return False
        told = subprocess.run(["php", "-m"], check=False, capture_output=True, text=True)
        return module in told.stdout.split()

    return asked


WORDPRESS = Platform(
    name="wordpress",
    needs={
        "php-cli": _has("php"),
        "php-mysql": _php_has("mysqli"),
        "mariadb-server": _has("mariadbd"),
        "wordpress": Path("/usr/share/wordpress/wp-includes/version.php").is_file,
    },
)
BLUESKY = Platform(
    name="bluesky",
    needs={
        "nodejs": _has("node"),
        "npm": _has("npm"),
        "libnode-dev": lambda: any(Path(prefix, "include/node/node.h").is_file() for prefix in ("/usr", "/usr/local")),
        "g++": _has("g++"),
        "make": _has("make"),
    },
)
"""The reference server of the AT Protocol; npm installs it into the cache, by the lock in tests/platforms/pds."""
PLATFORMS = [WORDPRESS, BLUESKY]

NOT_HERE = {
    "mastodon": "needs Ruby on Rails, PostgreSQL, Redis and a Node build; only our own server by its documented "
    "protocol was asked (tests/contracts)",
    "appview": "what counts likes on Bluesky and shows edits needs PostgreSQL and Redis; only our own server was asked",
}
"""Platforms that are never run for real, and why: said after every run, so that nobody takes green for more."""


def install_missing() -> None:
    """Install Debian's packages that are not there, when this is Debian and we are root; the tests say so otherwise."""
    missing = [package for platform in PLATFORMS for package in platform.missing()]
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"installing {', '.join(missing)} (apt-get)", file=sys.stderr)
    with no_servers_started():
        apt_get("update", "-qq")
        for package in missing:
            apt_get("install", "-y", "-qq", "--no-install-recommends", package)


def report() -> None:
    """Print which platforms the run could ask."""
    print("\nplatforms")
    for platform in PLATFORMS:
        missing = platform.missing()
        print(f"  {platform.name:<10} " + (f"NOT run: {', '.join(missing)} missing" if missing else "real, run here"))
    for name, why in NOT_HERE.items():
        print(f"  {name:<10} NOT run: {why}")


def main() -> int:
    """Return pytest's verdict; further arguments are handed to it."""
    install_missing()
    command = [sys.executable, "-m", "pytest", "tests/platforms", "-m", "platform", "-v", *sys.argv[1:]]
    code = subprocess.run(command, check=False).returncode
    report()
    return code or int(any(platform.missing() for platform in PLATFORMS))


if __name__ == "__main__":
    sys.exit(main())
