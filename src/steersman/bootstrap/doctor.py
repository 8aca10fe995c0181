"""What an operator should know before trusting a desk: what is missing, and how to mend it."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from steersman.bootstrap import presence
from steersman.bootstrap.access import core_trouble
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.diagnosis import Diagnosis
from steersman.bootstrap.doctor_content import examine_publishing
from steersman.bootstrap.doctor_services import examine_services
from steersman.bootstrap.engines import engine_trouble, missing_script
from steersman.bootstrap.in_force import load_in_force
from steersman.bootstrap.notice_status import examine_notices
from steersman.bootstrap.workspace import CATALOGUE, LOOPBACK, Workspace
from steersman.kernel.errors import SteersmanError
from steersman.ledger.anchor import check_anchors

__all__ = ["Diagnosis", "examine"]
_RECENT: Final = 2000
_LEAST_FREE: Final = 512 << 20
_FIRST_SAFE_SQLITE: Final = (3, 51, 3)


def examine(directory: Path) -> list[Diagnosis]:
    """Look at the machine, then at the workspace at or above `directory`; never raises for what it finds."""
    found = [*_machine()]
    try:
        workspace, refusal = load_in_force(directory)
    except SteersmanError as exc:
        return [*found, Diagnosis(name="workspace", level="fail", found=exc.message, fix=exc.fix)]
    if refusal is not None:
        said = f"{refusal.message}; what was last in force stays, and is looked at below"
        found.append(Diagnosis(name="workspace", level="fail", found=said, fix=refusal.fix))
    else:
        found.append(Diagnosis(name="workspace", level="ok", found=f"{workspace.root}: steersman.toml is well"))
    found += [*_files(workspace)]
    try:
        desk = open_desk(directory, workspace=workspace)
    except SteersmanError as exc:
        return [*found, Diagnosis(name="ledger", level="fail", found=exc.message, fix=exc.fix)]
    try:
        parts = (_ledger, _policy, _halts, _processes, _automations, examine_services, examine_publishing)
        for look in (*parts, examine_notices):
            found += [*look(desk)]
    finally:
        desk.close()
    return found


def _machine() -> Iterator[Diagnosis]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Diagnosis(name="python", level="ok", found=version)
    import apsw  # only this looks at the library itself

    sqlite = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    safe = sqlite >= _FIRST_SAFE_SQLITE
    yield Diagnosis(
        name="sqlite",
        level="ok" if safe else "fail",
        found=apsw.sqlite_lib_version() + ("" if safe else ": may lose committed writes (WAL reset race)"),
        fix="" if safe else "pip install --upgrade apsw",
    )
    git = shutil.which("git")
    yield Diagnosis(
        name="git",
        level="ok" if git else "warn",
        found=git or "not on PATH: the site channel cannot commit",
        fix="" if git else "install git, or set git = false in [channel.site]",
    )


def _files(workspace: Workspace) -> Iterator[Diagnosis]:
    free = shutil.disk_usage(workspace.root).free
    enough = free >= _LEAST_FREE
    yield Diagnosis(
        name="disk",
        level="ok" if enough else "fail",
        found=f"{free / 1e9:.1f} GB free",
        fix="" if enough else "free 512 MB or more: a full disk stops the ledger, and with it every order",
    )
    for path in (workspace.state, workspace.console_token):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Diagnosis(
                name="permissions",
                level="fail",
                found=f"{path.name} may be read by others",
                fix=f"chmod go-rwx {path}",
            )
    for name, feed in workspace.trading.feeds.items():
        missing = [
            i for i in workspace.trading.instruments if not (workspace.root / feed.files.format(instrument=i)).is_file()
        ]
        yield Diagnosis(
            name=f"feed {name}",
            level="warn" if missing else "ok",
            found=f"no file yet for {', '.join(missing)}" if missing else f"{len(workspace.trading.instruments)} files",
            fix="run the automation that writes them, e.g. steersman auto run pull_prices" if missing else "",
        )
    if not workspace.trading.feeds:
        yield Diagnosis(
            name="feed",
            level="warn",
            found="none is declared: nothing is traded",
            fix="add [feed.NAME] to steersman.toml",
        )
    for package, needed_by in (("harper", "content check"), ("dbos", "automations")):
        there = importlib.util.find_spec(package) is not None
        yield Diagnosis(
            name=package,
            level="ok" if there else "fail",
            found=f"there, for {needed_by}" if there else f"missing, and {needed_by} needs it",
            fix="" if there else "install steersman again",
        )


def _ledger(desk: Desk) -> Iterator[Diagnosis]:
    head = desk.ledger.head()
    checked = desk.ledger.verify(after=max(0, head.pos - _RECENT))
    yield Diagnosis(
        name="ledger",
        level="ok" if checked.ok else "fail",
        found=f"{head.pos:,} events; the last {checked.checked:,} follow from each other"
        if checked.ok
        else checked.problem,
        fix="" if checked.ok else "stop the desk, keep the file, restore a backup: steersman ledger verify",
    )
    problem = check_anchors(desk.ledger, desk.workspace.anchor)
    yield Diagnosis(
        name="anchor",
        level="fail" if problem else "ok",
        found=problem or ("agrees with the ledger" if desk.workspace.anchor.exists() else "none yet (written hourly)"),
        fix="compare with a backup: events were removed or rewritten" if problem else "",
    )


def _policy(desk: Desk) -> Iterator[Diagnosis]:
    snapshot = desk.policy
    unset = [p.name for p in CATALOGUE if snapshot.get(p.name) is None]
    if snapshot.version == 0:
        yield Diagnosis(
            name="policy", level="warn", found="none in force yet", fix="steersman up puts steersman.toml in force"
        )
    elif unset:
        yield Diagnosis(
            name="policy",
            level="warn",
            found=f"version {snapshot.version}; not set, so their checks deny: {', '.join(unset)}",
            fix="set them under [policy.trading]; steersman policy show NAME explains one",
        )
    else:
        yield Diagnosis(name="policy", level="ok", found=f"version {snapshot.version} in force, every limit set")


def _halts(desk: Desk) -> Iterator[Diagnosis]:
    reasons = desk.halts.reasons
    yield Diagnosis(
        name="halts",
        level="warn" if reasons else "ok",
        found="; ".join(f"{scope}: {why}" for scope, why in reasons.items()) or "nothing is halted",
        fix="steersman resume SCOPE when it is safe" if reasons else "",
    )


def _processes(desk: Desk) -> Iterator[Diagnosis]:
    trouble = core_trouble(desk.workspace.socket)
    if trouble is None:
        yield Diagnosis(name="core", level="ok", found="runs")
    else:
        # One that is not there may be so on purpose; one that stands holds everybody up.
        is_away = trouble.fix == "steersman up"
        yield Diagnosis(name="core", level="warn" if is_away else "fail", found=trouble.found, fix=trouble.fix)
    served = presence.find(desk.workspace.presence)
    if served is not None:
        yield Diagnosis(name="console", level="ok", found=served.url)
        return
    port = desk.workspace.console.port
    taken = port != 0 and _taken(desk.workspace.console.host, port)
    yield Diagnosis(
        name="console",
        level="warn",
        found=f"does not run, and another program has port {port}" if taken else "does not run",
        fix="steersman up --port 0, or another port in [console]" if taken else "steersman up",
    )


def _automations(desk: Desk) -> Iterator[Diagnosis]:
    missing, trouble = missing_script(desk.workspace), engine_trouble(desk.ledger)
    kind, count = desk.workspace.engine.kind, len(desk.workspace.automations)
    if missing is not None:
        yield Diagnosis(name="automations", level="fail", found=missing.message, fix=missing.fix)
    yield Diagnosis(
        name="engine",
        level="fail" if trouble else "ok",
        found=trouble or f"{kind}, {count} automations declared",
        fix="steersman auto engine status" if trouble else "",
    )


def _taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host if host in LOOPBACK else LOOPBACK[0], port))
        except OSError:
            return True
    return False
