"""The PostgreSQL server as an operator sees it: is it there, who leads, what waits, how much it holds."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from steersman.automation.adapters.dbos.settings import DbosSettings, place, resolved
from steersman.kernel.errors import Unavailable
from steersman.kernel.references import resolve

CONNECT_S = 3
_MACHINE = Path("/etc/machine-id")
# A half-open connection must not keep the lead for hours: the server and we find out within about 15 s.
_KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 5,
    "tcp_user_timeout": 15_000,
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says. `leader` is the executor id that follows the schedules; sizes in bytes."""

    version: str
    leader: str | None
    queued: int
    running: int
    finished: int
    size_bytes: int


def address(settings: DbosSettings, root: Path) -> str:
    """Return where the server is, secrets looked up.

    Raises:
        Misconfigured: the reference leads nowhere, or what it holds is no address.
    """
    text = settings.database
    return resolved(text, resolve(text, root)) if text.startswith(("env:", "file:")) else text


def application(settings: DbosSettings, root: Path) -> str:
    """Return whose runs ours are in a shared database: as set, else derived from machine and workspace."""
    if settings.application is not None:
        return settings.application
    machine = _MACHINE.read_text(encoding="ascii").strip() if _MACHINE.is_file() else platform.node()
    identity = f"{machine}\0{root.resolve()}"
    return f"steersman-{hashlib.sha256(identity.encode()).hexdigest()[:10]}"


def connect(where: str, *, name: str) -> psycopg.Connection:
    """Return a connection that commits each statement, called `name` in pg_stat_activity.

    Raises:
        Unavailable: the server does not answer, or lets us not in; says which server, and never a password.
    """
    try:
        return psycopg.connect(where, autocommit=True, connect_timeout=CONNECT_S, application_name=name, **_KEEPALIVE)
    except psycopg.OperationalError as exc:
        raise unavailable(where, exc) from exc


def unavailable(where: str, problem: Exception) -> Unavailable:
    """Return the refusal of a server that is not there, in its own first words."""
    # libpq: 'connection to server at "127.0.0.1", port 5432 failed: Connection refused' and advice on further lines.
    first = str(problem).strip().partition("\n")[0].rpartition("failed: ")[2]
    said = first or type(problem).__name__
    return Unavailable(f"the database of the dbos engine at {place(where)} cannot be used: {said}", fix=_fix(problem))


def _fix(problem: Exception) -> str:
    if isinstance(problem, psycopg.errors.InsufficientPrivilege):
        return "GRANT CREATE ON DATABASE to the account, or let it own the schema"
    return "start PostgreSQL or correct [engine] database; runs go on where they are, nothing is lost"


def lock_key(schema: str, app: str) -> int:
    """Return the key of the advisory lock that whoever follows the schedules holds (a signed 64-bit number)."""
    digest = hashlib.sha256(f"steersman.schedules\0{schema}\0{app}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def look(connection: psycopg.Connection, schema: str, app: str) -> Found:
    """Ask the server about the engine of `app`; a schema that is not there yet holds nothing."""
    counts: dict[str, int] = {}
    size = 0
    there = connection.execute("SELECT to_regclass(%s)", [f"{schema}.workflow_status"]).fetchone()
    if there and there[0]:
        status = sql.Identifier(schema, "workflow_status")
        query = sql.SQL("SELECT status, count(*) FROM {} WHERE application_name = %s GROUP BY 1").format(status)
        counts = {str(word): int(n) for word, n in connection.execute(query, [app])}
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'r'",
            [schema],
        ).fetchone()
        size = int(row[0] or 0) if row else 0
    queued = sum(counts.pop(word, 0) for word in ("ENQUEUED", "DELAYED"))
    running = counts.pop("PENDING", 0)
    version = connection.info.server_version
    return Found(
        version=f"{version // 10_000}.{version % 10_000}",
        leader=_leader(connection, lock_key(schema, app)),
        queued=queued,
        running=running,
        finished=sum(counts.values()),
        size_bytes=size,
    )


def _leader(connection: psycopg.Connection, key: int) -> str | None:
    # PostgreSQL shows a 64-bit key as two halves: classid the high one, objid the low one, objsubid 1.
    row = connection.execute(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
        " AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname ="
        " current_database()) AND l.classid = %s AND l.objid = %s",
        [(key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF],
    ).fetchone()
    return str(row[0]) if row else None
