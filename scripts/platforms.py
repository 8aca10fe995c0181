"""Run the tests against real platforms: install what they need, say what ran and what no machine of ours can run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

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


def ran(results: Path) -> dict[str, Counter[str]]:
    """Return how the tests of each platform ended, by the name of their file.

    Args:
        results: what pytest wrote with `--junit-xml`; empty if it did not get that far.
    """
    found: dict[str, Counter[str]] = {platform.name: Counter() for platform in PLATFORMS}
    if not results.is_file() or not results.stat().st_size:
        return found
    for case in ElementTree.parse(results).iter("testcase"):  # noqa: S314 - pytest's own file, just written
        name = case.get("classname", "").rpartition("test_")[2]
        bad = next((kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), "passed")
        found.setdefault(name, Counter())[bad] += 1
    return found


def report(ended: dict[str, Counter[str]]) -> None:
    """Print what the run asked, and what it could not ask."""
    print("\nplatforms")
    for platform in PLATFORMS:
        counts, missing = ended[platform.name], platform.missing()
        if missing:
            told = f"NOT run: {', '.join(missing)} missing"
        elif not counts.total() - counts["skipped"]:
            told = "NOT run: no test of it was chosen"
        else:
            told = "real: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items(), reverse=True))
        _say(platform.name, told)
    for name, why in NOT_HERE.items():
        _say(name, f"NOT run: {why}")


def _say(name: str, told: str) -> None:
    print(textwrap.fill(told, width=78, initial_indent=f"  {name:<10} ", subsequent_indent=" " * 13))


def main() -> int:
    """Return pytest's verdict, or 1 if a platform is missing; further arguments are handed to pytest."""
    install_missing()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "tests/platforms", "-m", "platform", f"--junit-xml={results}"]
        code = subprocess.run([*command, *sys.argv[1:]], check=False).returncode
        report(ran(results))
    return code or int(any(platform.missing() for platform in PLATFORMS))


if __name__ == "__main__":
    sys.exit(main())
