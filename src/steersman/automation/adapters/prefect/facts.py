"""What an operator should know of the server, from one look at it. Pure; look.py looks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from steersman.automation.ports import Fact

PREFECT: Final = "3.8.8"
REQUIREMENTS: Final = (f"prefect=={PREFECT}", "fastapi>=0.139,<0.151", "sqlalchemy<2.1")
"""What Prefect's environment is made of. With SQLAlchemy 2.1 its schedules silently never fire."""

_BOUNDS: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...], str]]] = {
    "fastapi": ((0, 139), (0, 151), "Prefect 3.8.8 needs >=0.139,<0.151"),
    "sqlalchemy": ((2,), (2, 1), "with 2.1 schedules silently never fire"),
}
CANARY_S: Final = 180.0
INSTALL: Final = (
    f"uv pip install {' '.join(repr(r) for r in REQUIREMENTS)} into Prefect's environment, restart the server"
)
DEPLOY: Final = "steersman auto engine deploy"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the server found; the defaults are those of a server that does not answer.

    Attributes:
        problem: why the server could not be asked (further), `fix` what to do; empty: it was.
        versions: of the packages in Prefect's environment by name; None: no `python` is named.
        pool: `missing`, `paused`, another type than process, or `ready`.
        online, offline: workers by name.
        deployed: digest of the deployed manifest; None if none is. `declared`: of the one in force here; None: no.
        deployments: how many of ours there are.
        late: of our flow runs that should have started, how many did not.
        canary_s: seconds since the canary last sang; None: it never did. `canary_due_s`: seconds it has been there.
        orphans: why a flow run is carried out by nobody, by name.
        restarts: how often our own worker ended by itself; None if we run none. `last_words` of it.
    """

    problem: str = ""
    fix: str = ""
    url: str = ""
    server: str = ""
    versions: dict[str, str] | None = None
    pool_name: str = ""
    pool: str = "missing"
    online: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    deployed: str | None = None
    declared: str | None = None
    deployments: int = 0
    late: int = 0
    canary_s: float | None = None
    canary_due_s: float = 0.0
    orphans: dict[str, str] = {}
    restarts: int | None = None


def facts(look: Look) -> tuple[Fact, ...]:
    """Return the facts in the order in which an operator asks for them."""
    found = [_server(look), *_versions(look)]
    if not look.problem:
        found += [_pool(look), _workers(look), _deployments(look), _canary(look), _late(look), _orphans(look)]
    return tuple(found)


def _server(look: Look) -> Fact:
    if look.problem:
        return Fact(name="server", level="fail", found=look.problem, fix=look.fix)
    found = f"Prefect {look.server} at {look.url}"
    if look.server != PREFECT:
        fix = f"tested with {PREFECT}: {INSTALL}"
        return Fact(name="server", level="warn", found=found, fix=fix)
    return Fact(name="server", level="ok", found=found)


def _versions(look: Look) -> Iterator[Fact]:
    """Check what the environment of Prefect holds against what is known to work."""
    if look.versions is None:
        fix = "name python = ... in [engine], so that Prefect's packages can be checked"
        yield Fact(name="packages", level="warn", found="not known", fix=fix)
        return
    found = ", ".join(f"{name} {version}" for name, version in look.versions.items())
    wrong = bad_versions(look.versions)
    yield Fact(name="packages", level="fail" if wrong else "ok", found="; ".join(wrong) or found,
               fix=INSTALL if wrong else "")  # fmt: skip


def bad_versions(versions: Mapping[str, str]) -> list[str]:
    """Say which packages of Prefect's environment are known not to work."""
    wrong = [] if "prefect" in versions else ["prefect is not installed there"]
    for name, (low, high, why) in _BOUNDS.items():
        version = versions.get(name)
        if version is not None and not low <= _release(version) < high:
            wrong.append(f"{name} {version}: {why}")
    return wrong


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", re.split(r"[a-z+-]", version)[0]))


def _pool(look: Look) -> Fact:
    name = f"pool {look.pool_name!r}"
    fixes = {
        "ready": "",
        "missing": DEPLOY,
        "paused": f"prefect work-pool resume {look.pool_name}",
    }
    fix = fixes.get(look.pool, "name another pool in [engine]; ours is of type process")
    level = "ok" if look.pool == "ready" else "warn" if look.pool == "missing" else "fail"
    return Fact(name="pool", level=level, found=f"{name} is {look.pool}", fix=fix)  # type: ignore[arg-type]  # one of the three words


def _workers(look: Look) -> Fact:
    ended = f"; ours was started again {look.restarts} times" if look.restarts else ""
    if look.online:
        level = "warn" if ended else "ok"
        fix = "look into .steersman/logs/prefect-worker.log" if ended else ""
        return Fact(name="workers", level=level, found=f"{_names(look.online)} online{ended}", fix=fix)  # type: ignore[arg-type]  # one of two words
    gone = f"; {_names(look.offline)} went silent" if look.offline else ""
    fix = f"steersman up (with start_worker = true), or: prefect worker start --pool {look.pool_name} --type process"
    return Fact(name="workers", level="fail", found=f"none online{gone}{ended}", fix=fix)


def _deployments(look: Look) -> Fact:
    if look.deployed is None:
        return Fact(name="deployments", level="warn", found="none: no schedule of this workspace is there", fix=DEPLOY)
    if look.declared is not None and look.deployed != look.declared:
        found = f"{look.deployments}, of another manifest than steersman.toml declares"
        return Fact(name="deployments", level="fail", found=found, fix=DEPLOY)
    return Fact(name="deployments", level="ok", found=f"{look.deployments}, manifest {look.deployed[:12]}")


def _canary(look: Look) -> Fact:
    if look.deployed is None:
        return Fact(name="canary", level="warn", found="not deployed: whether schedules fire is not known", fix=DEPLOY)
    if look.canary_s is not None and look.canary_s <= CANARY_S:
        return Fact(name="canary", level="ok", found=f"its schedule last fired {look.canary_s:.0f} s ago")
    if look.canary_due_s <= CANARY_S:
        return Fact(name="canary", level="ok", found=f"there for {look.canary_due_s:.0f} s, fires within the minute")
    found = "its schedule never fired" if look.canary_s is None else f"last fired {look.canary_s / 60:.0f} minutes ago"
    fix = "start a worker first" if not look.online else f"check the packages of the server: {INSTALL}"
    return Fact(name="canary", level="fail", found=f"{found}; it is due every minute", fix=fix)


def _late(look: Look) -> Fact:
    if not look.late:
        return Fact(name="late", level="ok", found="none late")
    fix = "see workers above" if not look.online else "raise flow_runs in [engine], or see what holds the others up"
    return Fact(name="late", level="warn", found=f"{look.late} flow runs should have started", fix=fix)


def _orphans(look: Look) -> Fact:
    if not look.orphans:
        return Fact(name="orphans", level="ok", found="none")
    found = "; ".join(f"{name}: {why}" for name, why in list(look.orphans.items())[:3])
    fix = "start the engine (`steersman up`): it ends them within 10 s"
    return Fact(name="orphans", level="fail", found=f"{len(look.orphans)} run by nobody: {found}", fix=fix)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
