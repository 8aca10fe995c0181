"""The port `Commons` on one PostgreSQL server: records in a table, locks of sessions."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.services.commons import address
from steersman.services.commons.adapters.postgres.locks import Keeper, PostgresLock, lock_number
from steersman.services.commons.adapters.postgres.sessions import WRITE_S, Sessions
from steersman.services.commons.names import check_size, checked
from steersman.services.commons.ports import CommonsStanding, Concern, Lock
from steersman.services.commons.waiting import until_taken

_PORT: Final = 5432
_SWEEP_EVERY_NS: Final = 600 * 1_000_000_000
_WRITE: Final = """INSERT INTO {table}(namespace, name, data, expires_at)
    VALUES(%s, %s, %b, clock_timestamp() + make_interval(secs => %s))
    ON CONFLICT(namespace, name) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at"""
_READ: Final = """SELECT data FROM {table}
    WHERE namespace = %s AND name = %s AND (expires_at IS NULL OR expires_at > clock_timestamp())"""
_SWEEP: Final = "DELETE FROM {table} WHERE namespace = %s AND expires_at < clock_timestamp()"
_COUNT: Final = """SELECT count(*), coalesce(sum(octet_length(data)), 0)::bigint FROM {table}
    WHERE namespace = %s AND (expires_at IS NULL OR expires_at > clock_timestamp())"""
_LOCKS: Final = """SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING(pid)
    WHERE locktype = 'advisory' AND granted AND application_name = %s"""

_UNSYNCED: Final = "fsync is off, so that a power cut may cost everything"
_SYNC: Final = "set fsync = on in its postgresql.conf"


class PostgresCommons:
    """See `Commons`."""

    kind = "postgres"

    def __init__(self, url: str, *, namespace: str, schema: str, lease_s: float, clock: Clock) -> None:
        """See `create`; nobody is asked yet."""
        self.place = address.place(url, _PORT)
        self._url, self._namespace, self._clock = url, namespace, clock
        self._application = f"steersman {namespace}"
        self._sessions = Sessions(url, place=self.place, schema=schema, application=self._application)
        self._keeper = Keeper(self._sessions, lease_s)
        self._not_durable: str | None = None
        self._swept_at: int | None = None

    @property
    def is_durable(self) -> bool:
        return not self.not_durable

    @property
    def not_durable(self) -> str:
        if self._not_durable is None:
            ((fsync,),) = self._sessions.ask("SELECT current_setting('fsync')")
            self._not_durable = "" if fsync == "on" else f"{_UNSYNCED}; {_SYNC}"
        return self._not_durable

    def now_ns(self) -> int:
        ((microseconds,),) = self._sessions.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(microseconds) * 1000

    def lock(self, name: str, *, wait_s: float = 0.0) -> Lock | None:
        number = lock_number(self._namespace, checked(name))
        return until_taken(lambda: self._keeper.take(number), wait_s=wait_s)

    def read(self, name: str) -> bytes | None:
        rows = self._sessions.ask(_READ, (self._namespace, checked(name)), timeout_s=WRITE_S)
        return bytes(rows[0][0]) if rows else None

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        checked(name)
        check_size(name, data)
        if not isinstance(under, PostgresLock):
            raise Conflict(f"{name}: the lock is of another server", fix="take the lock from these commons")
        self._keeper.write(under, name, _WRITE, (self._namespace, name, data, ttl_s))
        self._sweep()

    def delete(self, name: str) -> None:
        self._sessions.ask("DELETE FROM {table} WHERE namespace = %s AND name = %s", (self._namespace, checked(name)))

    def standing(self) -> CommonsStanding:
        ((records, size),) = self._sessions.ask(_COUNT, (self._namespace,))
        ((locks,),) = self._sessions.ask(_LOCKS, (self._application,))
        ((version, is_encrypted),) = self._sessions.ask(
            "SELECT current_setting('server_version'), coalesce((SELECT ssl FROM pg_stat_ssl"
            " WHERE pid = pg_backend_pid()), false)"
        )
        concerns = []
        if self.not_durable:
            concerns.append(Concern(problem=f"logins are not kept there: {_UNSYNCED}", fix=_SYNC))
        if address.is_elsewhere(self._url) and not is_encrypted:
            concerns.append(
                Concern(
                    problem="what is shared travels unencrypted",
                    fix="let the server do TLS, and write ?sslmode=verify-full at the end of what url refers to",
                )
            )
        return CommonsStanding(
            server=f"PostgreSQL {version.split()[0]}",
            records=int(records),
            size_bytes=int(size),
            locks=int(locks),
            concerns=tuple(concerns),
        )

    def close(self) -> None:
        if not self._sessions.is_closed:
            self._keeper.close()
            self._sessions.close()

    def _sweep(self) -> None:
        """Delete what is over, now and then: nobody else does, and frames are large."""
        now = self._clock.elapsed_ns()
        if self._swept_at is None or now - self._swept_at > _SWEEP_EVERY_NS:
            self._swept_at = now
            with suppress(Unavailable):
                self._sessions.ask(_SWEEP, (self._namespace,))
