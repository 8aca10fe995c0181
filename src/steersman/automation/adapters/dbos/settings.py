"""`[engine]` with `kind = "dbos"`: which database, which schema, how many at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from steersman.automation.settings import EngineSettings
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.references import problem
from steersman.kernel.toml_file import TomlFile

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_APPLICATION: Final = re.compile(r"[a-z0-9_-]{3,60}")
_SCHEMES: Final = ("postgresql", "postgres")
_FIX: Final = 'write database = "env:DATABASE_URL" and export DATABASE_URL=postgresql://user:password@host/name'


class DbosSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """DBOS on PostgreSQL: the same engine as `embedded`, for several worker processes.

    Attributes:
        database: `env:NAME` or `file:PATH` that holds a `postgresql://` address, or the address itself if there is no
            password in it.
        schema: where DBOS keeps its tables; made if it is not there.
        application: whose runs are whose in a shared database; None: derived from machine and workspace.
        concurrency: runs at once over all workers (those that wait for approval or tokens not counted); None: what the
            workers' `max_processes` add up to.
        workers: worker processes that should be alive, the desk's own included; the status says when some are missing.
        poll: how often each worker looks for work.
    """

    kind: str = "dbos"
    database: str = ""
    schema: str = "steersman"
    application: str | None = None
    concurrency: int | None = None
    workers: int = 1
    poll: str = "500ms"

    @property
    def poll_s(self) -> float:
        return seconds(self.poll)

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        super().checked(file, path, root)
        if wrong := _database_problem(self.database):
            raise file.error((*path, "database"), wrong, fix=_FIX)
        if not _SCHEMA.fullmatch(self.schema) or self.schema.startswith("pg_"):
            raise file.error(
                (*path, "schema"), f"found {self.schema!r}; allowed: small letters, digits, _", fix="rename the schema"
            )
        if self.application is not None and not _APPLICATION.fullmatch(self.application):
            raise file.error(
                (*path, "application"),
                f"found {self.application!r}; allowed: 3 to 60 small letters, digits, - and _",
                fix="rename the application",
            )
        for field, number, high in (("concurrency", self.concurrency, 10_000), ("workers", self.workers, 100)):
            if number is not None and not 1 <= number <= high:
                raise file.error((*path, field), f"found {number}, allowed: 1 to {high}", fix=f"change {field}")
        if wrong := _poll_problem(self.poll):
            raise file.error((*path, "poll"), wrong, fix='write poll = "500ms"')
        return self


def _database_problem(text: str) -> str:
    """Say what is wrong with the setting; no message repeats a secret."""
    if not text:
        return "is missing: where the PostgreSQL server is"
    if text.startswith(("env:", "file:")):
        return problem(text)
    return address_problem(text) or ("carries a password in plain text; allowed: by reference" if _secret(text) else "")


def address_problem(text: str) -> str:
    """Say what is wrong with the form of a database's address; empty if nothing is. Quotes nothing of it."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is the check: urlsplit looks at the port only then
    except ValueError:
        return "is not an address of the form postgresql://user@host:port/name"
    if parts.scheme not in _SCHEMES:
        return "is not a postgresql:// address, and no env:NAME or file:PATH either"
    if not parts.path.strip("/"):
        return "names no database: postgresql://user@host:port/NAME"
    return ""


def _secret(address: str) -> bool:
    parts = urlsplit(address)
    return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)


def _poll_problem(text: str) -> str:
    try:
        value = seconds(text)
    except ValueError as exc:
        return str(exc)
    return "" if 0.02 <= value <= 10 else f"found {text}, allowed: 20ms to 10s"


def place(address: str) -> str:
    """Return a database's address as messages and status show it: host, port and name, no user, no secret."""
    parts = urlsplit(address)
    return f"{parts.hostname or 'the local socket'}:{parts.port or 5432}{parts.path}"


def resolved(reference: str, address: str) -> str:
    """Return `address` if it is one.

    Raises:
        Misconfigured: names the reference it came from.
    """
    if wrong := address_problem(address):
        raise Misconfigured(f"[engine] database: what {reference} holds {wrong}", fix=_FIX)
    return address
