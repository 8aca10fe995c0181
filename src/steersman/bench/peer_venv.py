"""Peers to measure against: each in a virtual environment of its own, made when first asked for, then kept.

They lie in the user's cache folder and are never among our dependencies. The scripts in `peers/` run there; nothing of
ours imports them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.kernel.errors import Unavailable

NAUTILUS: Final = "1.221.0"
AIRFLOW: Final = "3.3.2"
DETECT_SECRETS: Final = "1.5.0"
CHECKER_NEEDS: Final = ("bandit==1.9.4", "ruff==0.17.6")
CODESPELL: Final = "2.4.3"
REDIS: Final = "6.4.0"
PREFECT: Final = "3.8.8"
PREFECT_NEEDS: Final = ("fastapi>=0.139,<0.151", "sqlalchemy<2.1")
"""With SQLAlchemy 2.1 its schedules silently never fire."""
_SCRIPTS: Final = Path(__file__).parent / "peers"
_TIMEOUT_S: Final = 600.0
_STDERR: Final = 2  # the descriptor: pip's progress belongs there, whatever stands in for sys.stderr


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A peer that can run here: `python` has it installed, `scripts` is the folder of what we run with it."""

    name: str
    version: str
    python: Path
    scripts: Path

    def run(self, script: str, *arguments: object, timeout_s: float = _TIMEOUT_S) -> Any:
        """Run a script of ours in the peer's Python; return the JSON it prints on its last line.

        Raises:
            Unavailable: it failed, or did not end within `timeout_s`; tells what it said.
        """
        command = [str(self.python), "-EsB", str(self.scripts / script), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as exc:
            raise Unavailable(f"{script} of {self.name} gave nothing in {timeout_s:g} s", fix="try again") from exc
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            said = " / ".join(done.stderr.strip().splitlines()[-3:]) or "nothing"
            raise Unavailable(
                f"{script} of {self.name} {self.version} ended with {done.returncode}, and said: {said}",
                fix=f"remove {self.python.parents[1]} to have it made again",
            )
        return msgspec.json.decode(lines[-1])


def nautilus() -> Peer:
    """Return NautilusTrader, installed if it is not yet.

    Raises:
        Unavailable: it cannot be installed here; says why.
    """
    return _peer("nautilus", "nautilus_trader", NAUTILUS)


def prefect() -> Peer:
    """Return Prefect, with what it is sensitive to pinned, installed if it is not yet.

    Raises:
        Unavailable: it cannot be installed here; says why.
    """
    return _peer("prefect", "prefect", PREFECT, *PREFECT_NEEDS)


def airflow() -> Peer:
    """Return Apache Airflow, installed if it is not yet.

    Raises:
        Unavailable: it cannot be installed here; says why.
    """
    return _peer("airflow", "apache-airflow", AIRFLOW)


def checkers() -> Peer:
    """Return the tools that look into scripts as our audit does, installed if they are not yet.

    Raises:
        Unavailable: they cannot be installed here; says why.
    """
    return _peer("audit", "detect-secrets", DETECT_SECRETS, *CHECKER_NEEDS)


def codespell() -> Peer:
    """Return codespell, installed if it is not yet.

    Raises:
        Unavailable: it cannot be installed here; says why.
    """
    return _peer("codespell", "codespell", CODESPELL)


def redis() -> Peer:
    """Return the Redis client, installed if it is not yet; the server is the machine's own.

    Raises:
        Unavailable: it cannot be installed here; says why.
    """
    return _peer("redis", "redis", REDIS)


def cache_folder(environ: os._Environ[str] | dict[str, str] = os.environ) -> Path:
    """Return where the environments of peers lie."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steersman" / "peers"


def _peer(folder: str, package: str, version: str, *needs: str) -> Peer:
    name = f"{package}-{version}-py{sys.version_info.major}.{sys.version_info.minor}"
    home = cache_folder() / name
    home.parent.mkdir(parents=True, exist_ok=True)
    requirements = [f"{package}=={version}", *needs]
    with _alone(home.with_name(f"{name}.lock")):
        if not _holds(home, requirements):
            _make(home, requirements)
    return Peer(name=package, version=version, python=home / "bin" / "python", scripts=_SCRIPTS / folder)


def _holds(home: Path, requirements: list[str]) -> bool:
    """Say whether the environment was made to its end, with these requirements."""
    ready = home / "ready"
    return ready.is_file() and ready.read_text(encoding="utf-8").split("\n")[:-1] == requirements


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold `lock`, so that two benches do not make the same environment at once."""
    descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(home: Path, requirements: list[str]) -> None:
    """Make the environment; the mark that it is whole comes last, so one cut short is made again."""
    sys.stderr.write(f"making {home} with {' '.join(requirements)}, once ...\n")
    sys.stderr.flush()
    if home.exists():
        shutil.rmtree(home)
    uv, python = shutil.which("uv"), str(home / "bin" / "python")
    if uv is not None:
        # Ten times as fast as pip, but never a Python from elsewhere.
        make = [uv, "venv", "--no-python-downloads", "--python", sys.executable, str(home)]
        install = [uv, "pip", "install", "--quiet", "--python", python, "--only-binary=:all:"]
    else:
        make = [sys.executable, "-m", "venv", str(home)]
        pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--only-binary=:all:"]
        install = [python, *pip]
    _step(make, "install the venv module of this Python (Debian: python3-venv)")
    _step([*install, *requirements], f"see above; it needs a package index that has {' '.join(requirements)}")
    (home / "ready").write_text("".join(f"{r}\n" for r in requirements), encoding="utf-8")


def _step(command: list[str], fix: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=_STDERR, stderr=_STDERR, check=False)
    if done.returncode:
        raise Unavailable(f"`{' '.join(command[1:4])} ... {command[-1]}` ended with {done.returncode}", fix=fix)
