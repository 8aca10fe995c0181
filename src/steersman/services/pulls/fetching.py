"""From a question to a raw body: login, rate, retries. What fails here fails as `Failed`, whatever the reason."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Rejected, Unavailable
from steersman.services.ports import Credentials, Lease
from steersman.services.pulls import command, http_rules
from steersman.services.pulls.asking import Asked
from steersman.services.pulls.freshness import rolled
from steersman.services.pulls.rates import Rates
from steersman.services.pulls.upstream import Failed, Question, Reply, Upstream

_FIRST_PAUSE_S: Final = 0.3
_LONGEST_PAUSE_S: Final = 10.0


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came, and what it took: `calls` requests and `received` bytes, retries included.

    Attributes:
        answered_at: when the answer was there, ns since 1970 UTC: its age counts from here, however long checking it
            takes, and whether or not the machine sleeps meanwhile.
    """

    reply: Reply
    answered_at: int
    calls: int
    received: int


class NotFetched(Exception):
    """Nothing of use came. `rejected` is set when a rule said no (a person must log in), not the other side."""

    def __init__(self, last: Failed, *, calls: int, received: int, rejected: Rejected | None = None) -> None:
        super().__init__(last.problem)
        self.last, self.calls, self.received, self.rejected = last, calls, received, rejected


class Fetching:
    """Asks the other side, as often as the declaration allows."""

    def __init__(
        self,
        root: Path,
        state: Path,
        credentials: Credentials,
        rates: Rates,
        clock: Clock,
        *,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`pause` waits that many seconds."""
        self._root, self._logs = root, state / "logs"
        self._credentials, self._rates, self._clock = credentials, rates, clock
        self._pause = pause or threading.Event().wait
        self._upstream = Upstream(clock)

    def fetch(self, asked: Asked, into: Path, conditions: Mapping[str, str], *, who: str, run_id: str) -> Fetched:
        """Return a whole 200 or a 304.

        Raises:
            NotFetched: nothing of use came, after as many tries as the declaration allows.
            Misconfigured: a reference of the declaration leads nowhere, or the provider is not usable.
        """
        attempt = _Attempts(asked, who, run_id)
        for number in range(asked.pull.retries + 1):
            try:
                reply = self._once(asked, into, conditions, attempt)
            except Failed as failed:
                attempt.received += failed.received
                # Without a status nobody over there said so: it is a rate of this pull's own, no matter of others.
                if failed.retry_after_s is not None and failed.status is not None:
                    with contextlib.suppress(OSError):  # of a full disk; this key remembers it all the same
                        self._remember(asked, failed.retry_after_s)
                wait_s = self._wait_s(failed, number)
                if not failed.again or number == asked.pull.retries or wait_s > _LONGEST_PAUSE_S:
                    raise NotFetched(failed, calls=attempt.calls, received=attempt.received) from failed
                self._pause(wait_s)
            except Rejected as exc:
                said = Failed(exc.message, again=False)
                raise NotFetched(said, calls=attempt.calls, received=attempt.received, rejected=exc) from exc
            else:
                received = attempt.received + reply.received
                return Fetched(reply=reply, answered_at=self._clock.now_ns(), calls=attempt.calls, received=received)
        raise AssertionError  # pragma: no cover - the last round returns or raises

    def close(self) -> None:
        """Close the connections."""
        self._upstream.close()

    def _once(self, asked: Asked, into: Path, conditions: Mapping[str, str], attempt: _Attempts) -> Reply:
        try:
            return self._turn(asked, into, conditions, attempt)
        except OSError as exc:
            # Of ours: the body's file. What the connection does comes as `Failed`.
            raise Failed(f"what comes cannot be written: {exc.strerror or type(exc).__name__}", again=False) from exc

    def _turn(self, asked: Asked, into: Path, conditions: Mapping[str, str], attempt: _Attempts) -> Reply:
        if asked.url:
            self._upstream.prepare()
        self._take_turn(asked)
        pull = asked.pull
        if asked.command:
            attempt.calls += 1
            return command.run(
                asked.command,
                root=self._root,
                pull=pull.name,
                into=into,
                log=self._logs / f"{pull.name}.log",
                timeout_s=pull.timeout_s,
                max_bytes=pull.max_bytes,
            )
        lease = self._lease(attempt, refused="")
        attempt.calls += 1
        try:
            return self._upstream.ask(self._question(asked, conditions, lease), into)
        except Failed as failed:
            # Once per pull, not per try: a provider that refuses what it has just given out will go on doing so.
            if failed.status != 401 or lease is None or attempt.renewed:
                raise
            attempt.renewed = True
        self._take_turn(asked)
        renewed = self._lease(attempt, refused=lease.lease_id)
        attempt.calls += 1
        return self._upstream.ask(self._question(asked, conditions, renewed), into)

    def _lease(self, attempt: _Attempts, *, refused: str) -> Lease | None:
        provider = attempt.asked.pull.provider
        if not provider:
            return None
        try:
            return self._credentials.lease(provider, who=attempt.who, run_id=attempt.run_id, refused=refused)
        except Unavailable as exc:
            raise Failed(f"no login: {exc.message}", again=True) from exc

    def _question(self, asked: Asked, conditions: Mapping[str, str], lease: Lease | None) -> Question:
        headers = {
            name: references.resolve(value, self._root) if value.startswith(("env:", "file:")) else value
            for name, value in asked.headers.items()
        }
        if asked.body and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        if lease is not None:
            headers[lease.header] = lease.header_value
        return Question(
            method=asked.pull.method,
            url=asked.url,
            headers={**headers, **conditions},
            body=asked.body.encode(),
            timeout_s=asked.pull.timeout_s,
            max_bytes=asked.pull.max_bytes,
        )

    def _take_turn(self, asked: Asked) -> None:
        """Wait for this call's turn under every rate that applies."""
        if not asked.limits:
            return
        now, patience_ns = self._clock.now_ns(), int(asked.pull.timeout_s * 1e9)
        at = self._rates.reserve(asked.limits, now, patience_ns=patience_ns)
        wait_s = (at - now) / 1e9
        if at - now > patience_ns:
            raise Failed(f"its turn comes in {wait_s:.0f} s, later than timeout", again=False, retry_after_s=wait_s)
        # What it took to find out counts: with other machines that may be a while.
        if (left_ns := at - self._clock.now_ns()) > 0:
            self._pause(left_ns / 1e9)

    def _remember(self, asked: Asked, wait_s: float) -> None:
        until = self._clock.now_ns() + int(wait_s * 1e9)
        for name, _ in asked.limits:
            if name.startswith("host "):
                self._rates.told(name, until)

    @staticmethod
    def _wait_s(failed: Failed, number: int) -> float:
        if failed.retry_after_s is not None:
            return failed.retry_after_s
        return _FIRST_PAUSE_S * 2.0**number * (0.5 + rolled() / 2)


class _Attempts:
    """What the tries of one fetch have in common."""

    def __init__(self, asked: Asked, who: str, run_id: str) -> None:
        self.asked, self.who, self.run_id = asked, who, run_id
        self.calls = self.received = 0
        self.renewed = False


def conditions_for(asked: Asked, headers: Mapping[str, str], *, have: bool) -> dict[str, str]:
    """Return what asks "only if it changed", if there is something unchanged to fall back on."""
    return http_rules.conditions(headers) if have and asked.url and asked.pull.method == "GET" else {}
