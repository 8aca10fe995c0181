"""Locks of a Redis server: a key with a secret of its holder's and an end, put off for as long as the holder lives."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Final

from steersman.kernel.errors import SteersmanError
from steersman.services.commons.adapters.redis.asking import Asking
from steersman.services.commons.keeping import Keeping, TakenLock

# Only the holder may put off or end a lock: who lost it must not touch what its next holder has.
_RENEW: Final = "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('pexpire',KEYS[1],ARGV[2]) or 0"
_RELEASE: Final = "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('del',KEYS[1]) or 0"


class RedisLock(TakenLock):
    """A lock that was taken; `token` is its holder's secret."""

    def __init__(self, keeper: Keeper, key: str) -> None:
        self._keeper, self.key, self.token = keeper, key, secrets.token_hex(16)

    @property
    def is_held(self) -> bool:
        return self._keeper.holds(self)

    def release(self) -> None:
        self._keeper.release(self)


class Keeper(Keeping[RedisLock]):
    """Takes locks and puts their end off, every third of the lease, from one thread while any is held."""

    def __init__(self, asking: Asking, lease_s: float) -> None:
        super().__init__(lease_s)
        self._asking, self._lease_ms = asking, int(lease_s * 1000)

    def take(self, key: str) -> RedisLock | None:
        """Return the lock of `key`, None if somebody else has it.

        Raises:
            Unavailable: the server does not answer; if it heard us all the same, the lock ends with its lease.
        """
        self._notice_fork()
        lock = RedisLock(self, key)
        taken = self._asking.ask(lambda server: server.set(key, lock.token, nx=True, px=self._lease_ms))
        # None also when the question was repeated and the first one had been heard.
        if not taken and self._asking.ask(lambda server: server.get(key)) != lock.token.encode():
            return None
        self._add(lock)
        return lock

    def holds(self, lock: RedisLock) -> bool:
        """Say whether the server still says so."""
        if lock not in self._held:
            return False
        with suppress(SteersmanError):
            return self._asking.ask(lambda server: server.get(lock.key)) == lock.token.encode()
        return False

    def release(self, lock: RedisLock) -> None:
        """Let go."""
        with self._guard:
            if lock not in self._held:
                return
            self._held.discard(lock)
        with suppress(SteersmanError):  # the lease ends by itself
            self._asking.ask(lambda server: server.eval(_RELEASE, 1, lock.key, lock.token))

    def _renew(self, lock: RedisLock) -> None:
        # A server that is away for a moment is asked again the next time: two more fit into the lease.
        with suppress(SteersmanError):
            ends = str(self._lease_ms)
            if not self._asking.ask(lambda server: server.eval(_RENEW, 1, lock.key, lock.token, ends)):
                # Never taken again behind its holder's back: another one may have had it meanwhile, and have written.
                with self._guard:
                    self._held.discard(lock)
