"""The port `Commons` on one Redis or Valkey server."""

from __future__ import annotations

from typing import Any, Final, cast

import redis

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from steersman.services.commons import address
from steersman.services.commons.adapters.redis import looking
from steersman.services.commons.adapters.redis.asking import WRITE_S, Asking
from steersman.services.commons.adapters.redis.keeping import Keeper, RedisLock
from steersman.services.commons.adapters.redis.settings import Durable
from steersman.services.commons.names import check_size, checked
from steersman.services.commons.ports import CommonsStanding, Lock
from steersman.services.commons.waiting import until_taken

_PORT: Final = 6379
_MOST_COUNTED: Final = 20_000
_BATCH: Final = 1000
# Keys of others on the same server are looked through as well.
_COUNTING_NS: Final = 3 * 1_000_000_000
# One step on the server: nobody can take the lock between the look and the write.
_WRITE: Final = """
if redis.call('get',KEYS[1])~=ARGV[1] then return 0 end
if ARGV[3]=='' then redis.call('set',KEYS[2],ARGV[2]) else redis.call('set',KEYS[2],ARGV[2],'PX',ARGV[3]) end
return 1"""


class RedisCommons:
    """See `Commons`. Every key is `steersman:{NAMESPACE}:...`: the braces keep them on one node of a cluster."""

    kind = "redis"

    def __init__(self, url: str, *, namespace: str, lease_s: float, accepted: Durable, clock: Clock) -> None:
        """See `create`; nobody is asked yet."""
        self.place = address.place(url, _PORT)
        self._url, self._accepted = url, accepted
        self._prefix = f"steersman:{{{namespace}}}:"
        self._asking = Asking(url, place=self.place, namespace=namespace)
        self._keeper = Keeper(self._asking, lease_s)
        self._clock = clock
        self._facts: looking.Facts | None = None

    @property
    def is_durable(self) -> bool:
        return not self.not_durable

    @property
    def not_durable(self) -> str:
        if self._facts is None:
            self._facts = self._asking.ask(looking.facts)
        reason = looking.not_durable(self._facts, self._accepted)
        return f"{reason.problem}; {reason.fix}" if reason else ""

    def now_ns(self) -> int:
        seconds, microseconds = self._asking.ask(lambda server: server.time())
        return (int(seconds) * 1_000_000 + int(microseconds)) * 1000

    def lock(self, name: str, *, wait_s: float = 0.0) -> Lock | None:
        key = self._key("lock", name)
        return until_taken(lambda: self._keeper.take(key), wait_s=wait_s)

    def read(self, name: str) -> bytes | None:
        key = self._key("data", name)
        return cast(bytes | None, self._asking.ask(lambda server: server.get(key), whole_s=WRITE_S))

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        key = self._key("data", name)
        check_size(name, data)
        ends = "" if ttl_s is None else str(max(1, int(ttl_s * 1000)))
        if not isinstance(under, RedisLock):
            raise Conflict(f"{name}: the lock is of another server", fix="take the lock from these commons")
        try:
            written = self._asking.ask(
                lambda s: s.eval(_WRITE, 2, under.key, key, under.token, data, ends), size_bytes=len(data)
            )
        except Unavailable as exc:
            if isinstance(exc.__cause__, redis.ResponseError):
                raise  # it answered, and said no
            raise OutcomeUnknown(f"{name} may or may not have been written: {exc.message}", fix=exc.fix) from exc
        if not written:
            raise Conflict(f"{name}: the lock was lost before this was written", fix="read again, decide again")

    def delete(self, name: str) -> None:
        key = self._key("data", name)
        # Freed behind the answer: a large record would hold up everybody else on the server.
        self._asking.ask(lambda server: server.unlink(key))

    def standing(self) -> CommonsStanding:
        return self._asking.ask(self._look)

    def close(self) -> None:
        if not self._asking.is_closed:
            self._keeper.close()
            self._asking.close()

    def _key(self, what: str, name: str) -> str:
        return f"{self._prefix}{what}:{checked(name)}"

    def _look(self, server: redis.Redis) -> CommonsStanding:
        self._facts = found = looking.facts(server)
        records, locks, is_partial = self._found(server)
        size = sum(_weighed(server, records[begin : begin + _BATCH]) for begin in range(0, len(records), _BATCH))
        return CommonsStanding(
            server=found.server,
            records=len(records),
            size_bytes=size,
            locks=locks,
            is_partial=is_partial,
            concerns=looking.concerns(found, self._accepted, self._url),
        )

    def _found(self, server: redis.Redis) -> tuple[list[bytes], int, bool]:
        """Return the keys of our records, how many locks there are, and whether there is more than that."""
        until, data = self._clock.elapsed_ns() + _COUNTING_NS, f"{self._prefix}data:".encode()
        records, locks, cursor = list[bytes](), 0, 0
        while True:
            cursor, keys = cast(tuple[int, list[bytes]], server.scan(cursor, match=f"{self._prefix}*", count=_BATCH))
            mine = [key for key in keys if key.startswith(data)]
            records += mine
            locks += len(keys) - len(mine)
            if cursor == 0:
                return records, locks, False
            if len(records) >= _MOST_COUNTED or self._clock.elapsed_ns() > until:
                return records, locks, True


def _weighed(server: redis.Redis, keys: list[Any]) -> int:
    with server.pipeline(transaction=False) as asked:
        for key in keys:
            asked.strlen(key)
        return sum(cast(list[int], asked.execute()))
