"""What `auto engine status` says of the dbos engine."""

from __future__ import annotations

from pathlib import Path

import psycopg

from steersman.automation.adapters.dbos.database import Found, address, connect, look
from steersman.automation.adapters.dbos.settings import DbosSettings, place
from steersman.automation.adapters.embedded.sizes import folder_bytes
from steersman.automation.adapters.embedded.worker import Register, named
from steersman.automation.ports import Fact
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.kernel.sizes import spoken_bytes

_START_ANOTHER = "steersman auto engine worker (each in a process of its own)"


def facts(settings: DbosSettings, root: Path, app: str, register: Register) -> list[Fact]:
    """Return what an operator has to know; asks the server, and says so if it does not answer."""
    runs = folder_bytes(root / ".steersman" / "runs")
    try:
        where = address(settings, root)
        with connect(where, name="steersman-status") as connection:
            found = look(connection, settings.schema, app)
    except (Misconfigured, Unavailable) as exc:
        return [Fact(name="database", level="fail", found=exc.message, fix=exc.fix), *_workers(settings, register)]
    except psycopg.Error as exc:
        said = str(exc).strip().splitlines()[0]
        fix = f"give the account the right to read schema {settings.schema}"
        return [Fact(name="database", level="fail", found=said, fix=fix), *_workers(settings, register)]
    return [
        Fact(name="database", level="ok", found=f"PostgreSQL {found.version} at {place(where)}, as {app}"),
        *_workers(settings, register),
        _schedules(found),
        Fact(name="queue", level="ok", found=f"{found.queued} queued, {found.running} in hand"),
        Fact(
            name="storage",
            level="ok",
            found=f"{spoken_bytes(found.size_bytes)} in schema {settings.schema} ({found.finished} finished runs kept),"
            f" {spoken_bytes(runs)} of logs and artifacts",
        ),
    ]


def _workers(settings: DbosSettings, register: Register) -> list[Fact]:
    living = register.living()
    pids = f" (pid {', '.join(str(w.pid) for w in living)})" if living else ""
    if len(living) >= settings.workers:
        return [Fact(name="workers", level="ok", found=f"{len(living)} alive{pids}")]
    found = f"{len(living)} of {settings.workers} alive{pids}"
    if living:
        return [Fact(name="workers", level="warn", found=found, fix=_START_ANOTHER)]
    return [Fact(name="workers", level="warn", found=found, fix="steersman up")]


def _schedules(found: Found) -> Fact:
    if found.leader is None:
        return Fact(name="schedules", level="warn", found="nobody follows them", fix="steersman up")
    leader = named(found.leader)
    return Fact(name="schedules", level="ok", found=f"followed by pid {leader.pid if leader else found.leader}")
