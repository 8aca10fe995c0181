"""What is done for one question, whoever carries it: the socket's server, or a process asked alone."""

from __future__ import annotations

import os
import re
import threading
from typing import Final, Protocol

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Rejected
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Ledger, new_event
from steersman.services.commons import CommonsReport
from steersman.services.ports import Credentials, Lease, Pulls
from steersman.services.serving.peer import Caller
from steersman.services.serving.protocol import (
    EVENT_TYPE,
    LARGEST_EVENT,
    AskEmit,
    AskPing,
    AskPull,
    AskStatus,
    AskToken,
    Question,
)

_SHORTEST_SECRET: Final = 8
_REMEMBERED: Final = 256


class Shared(Protocol):
    """The services of one workspace; each is opened when it is first asked for."""

    @property
    def credentials(self) -> Credentials: ...
    @property
    def pulls(self) -> Pulls: ...
    @property
    def commons_report(self) -> CommonsReport | None:
        """How what machines share is; None where nothing is shared."""
        ...


class Handler:
    """Answers questions; from any thread."""

    def __init__(self, shared: Shared, ledger: Ledger, clock: Clock) -> None:
        self._shared = shared
        self._ledger = ledger
        self._clock = clock
        self._lent: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def answer(self, question: Question, caller: Caller) -> object:
        """Return the value to answer with, ready for JSON. The one of `AskToken` is secret.

        Raises:
            SteersmanError: as the ports say; nothing was done.
        """
        match question:
            case AskToken():
                return self._token(question, caller)
            case AskPull():
                return self._shared.pulls.pull(
                    question.what,
                    params=question.params,
                    max_age_s=question.max_age_s,
                    who=caller.who,
                    run_id=caller.run_id,
                )
            case AskEmit():
                return self._emit(question, caller)
            case AskStatus():
                return {
                    "providers": self._shared.credentials.status(),
                    "pulls": self._shared.pulls.status(),
                    "commons": self._shared.commons_report,
                }
            case AskPing():
                return {"pid": os.getpid(), "who": caller.who, "run_id": caller.run_id}

    def _token(self, question: AskToken, caller: Caller) -> dict[str, object]:
        lease = self._shared.credentials.lease(
            question.provider, who=caller.who, run_id=caller.run_id, refused=question.refused
        )
        with self._lock:
            self._lent[lease.provider] = lease
            while len(self._lent) > _REMEMBERED:
                self._lent.pop(next(iter(self._lent)))
        value: dict[str, object] = msgspec.to_builtins(lease)
        # Beside the instant: whoever counts seconds needs no clock that agrees with ours.
        return value | {"left_s": max(0.0, (lease.expires_at - self._clock.now_ns()) / 1e9)}

    def _emit(self, question: AskEmit, caller: Caller) -> dict[str, object]:
        """Append a script's event under the caller's own name; its run, if it has one, is the cause."""
        self._check(question)
        now = self._clock.now_ns()
        run = self._ledger.read(stream=f"run/{caller.run_id}", limit=1) if caller.run_id else iter(())
        event = new_event(
            question.type,
            stream=caller.who.replace(":", "/", 1),
            data=question.data,
            actor=caller.who,
            now_ns=now,
            id=stable_uuid("script.emit", question.nonce),
            cause=next(run, None),
        )
        appended = self._ledger.append([event])
        return {"id": str(event.id), "pos": appended.last}

    def _check(self, question: AskEmit) -> None:
        if not re.fullmatch(EVENT_TYPE, question.type):
            raise Rejected(
                f"a script may not write {question.type!r}; allowed: script.<noun>.<verb>",
                fix='write e.g. emit("script.report.sent", ...)',
            )
        if not re.fullmatch(r"[0-9a-f]{16,64}", question.nonce):
            raise Rejected("the nonce of an event is 16 to 64 hexadecimal digits", fix="use steersman.client.emit")
        raw = msgspec.json.encode(question.data)
        if len(raw) > LARGEST_EVENT:
            raise Rejected(
                f"the event {question.type} has {len(raw):,} bytes, allowed: {LARGEST_EVENT:,}",
                fix="write a file and say its name",
            )
        with self._lock:
            lent = tuple(self._lent.values())
        for lease in lent:
            if any(_quoted(s) in raw for s in (lease.secret, *lease.fields.values()) if len(s) >= _SHORTEST_SECRET):
                raise Rejected(
                    f"the event {question.type} holds a secret of {lease.provider}, and would be kept for ever",
                    fix="leave it out",
                )


def _quoted(secret: str) -> bytes:
    return msgspec.json.encode(secret)[1:-1]
