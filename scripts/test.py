"""Run every test: what may share the machine, with the types checked beside it, then what must have it alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# What tests need beside Python, and how to see that it is there; servers are started by the tests themselves.
NEEDED: dict[str, Callable[[], bool]] = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "postgresql": lambda: any(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    "redis-server": lambda: shutil.which("redis-server") is not None,
    "cron": lambda: any(Path(folder, "cron").exists() for folder in ("/usr/sbin", "/usr/bin")),
}


def install_needed() -> None:
    """Install Debian's packages that are not there, when this is Debian and we are root; the tests say so otherwise."""
    missing = [name for name, is_there in NEEDED.items() if not is_there()]
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"installing {', '.join(missing)} for the tests (apt-get)", file=sys.stderr)
    with no_servers_started():
        apt_get("update", "-qq")
        # One by one: a package that cannot be had must not keep the others away.
        for name in missing:
            apt_get("install", "-y", "-qq", "--no-install-recommends", name)
    for name in missing:
        if not NEEDED[name]():
            print(f"could not install {name}: the tests that need it are skipped", file=sys.stderr)


def apt_get(*arguments: str) -> None:
    """Run apt-get; its failure shows in what is there after."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", *arguments], check=False, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def no_servers_started() -> Iterator[None]:
    """Keep packages from starting the servers they bring, while they are installed."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def run(*arguments: str) -> int:
    """Run pytest; "nothing collected" is not a failure of a half."""
    code = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    return 0 if code == 5 else code


def workers() -> int:
    """Return how many tests run at once: half as many again as there are cores, for they wait a third of their time."""
    cores = len(os.sched_getaffinity(0))
    return min(8, cores + (cores + 1) // 2)


def every_test() -> int:
    """Return the verdict on all tests: those that share the machine, then those that must have it alone."""
    with tempfile.TemporaryFile() as said:
        # In the time that tests leave: they are what has to keep up with others.
        types = subprocess.Popen(["nice", "just", "types"], stdout=said, stderr=subprocess.STDOUT)
        install_needed()
        together = run("-m", "not serial", "-n", str(workers()), "--dist", "loadfile", "--no-loadscope-reorder")
        typed = types.wait()
        said.seek(0)
        print(said.read().decode(errors="replace"), flush=True)
    alone = run("-m", "serial")
    return together or typed or alone


def main() -> int:
    """Return the verdict: of everything, or with arguments of the static checks and just those tests."""
    if len(sys.argv) > 1:
        install_needed()
        return subprocess.run(["just", "check"], check=False).returncode or run(*sys.argv[1:])
    return subprocess.run(["just", "style"], check=False).returncode or every_test()


if __name__ == "__main__":
    sys.exit(main())
