"""A door: rows go in, signals stand in the ledger, and every row gets an answer. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, Literal

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict
from steersman.ledger import Ledger, NewEvent, new_event
from steersman.trading import events as e
from steersman.trading.handlers.commands import decided_id, submit
from steersman.trading.handlers.recorded import event_id
from steersman.trading.sources.declared import Declared
from steersman.trading.sources.decode import Row, found_text, request_of
from steersman.trading.sources.problem import NotASignal, Problem, readable

BATCH: Final = 200
"""Rows that are answered together; more are never held."""
Status = Literal["accepted", "repeated", "refused"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row, durable when it is given.

    Attributes:
        place: where the row stood; empty for a single signal.
        signal_id: as the source says it; empty if that cannot be read.
        listed_as: the id under which `steersman signal show` finds it; empty for a refused one.
        status: accepted (the core will decide), repeated (it stood there before), refused (it is no signal).
        pos: where it stands in the ledger; of a refused one, its refusal.
        conflict: refused because another signal came under this id before.
    """

    signal_id: str
    status: Status
    pos: int
    place: str = ""
    listed_as: str = ""
    reason: str = ""
    fix: str = ""
    conflict: bool = False


class Changed(NotASignal):
    """A signal came before under this id, with other contents; the first one stands."""

    def __init__(self, row: Row, conflict: Conflict) -> None:
        problem = Problem(field="signal_id", what=conflict.message, fix=conflict.fix)
        named = row.refused([problem])
        super().__init__(
            [problem],
            place=row.place,
            found=found_text(row.values),
            strategy=named.strategy,
            signal_id=named.signal_id,
            key=row.key,
        )


class Door:
    """One way in. `source` is part of a signal's identity; `actor` is who its events are by."""

    def __init__(
        self, ledger: Ledger, declared: Declared, clock: Clock, *, source: str, actor: str, strategy: str = ""
    ) -> None:
        """Open the door; a row that names no strategy is one of `strategy`, if that is not empty."""
        self._ledger = ledger
        self._declared = declared
        self._clock = clock
        self._source = source
        self._actor = actor
        self._strategy = strategy

    def take(self, rows: Iterable[Row | NotASignal]) -> Iterator[Answer]:
        """Yield the answers to `rows`, in order; each is durable before it is given.

        Raises:
            Unavailable: the ledger takes nothing. What was answered stands; the rest may come again, with the same ids.
        """
        left = iter(rows)
        while batch := list(islice(left, BATCH)):
            yield from self._batch(batch)

    def refuse(self, refusal: NotASignal) -> Answer:
        """Record a refusal and return its answer.

        Raises:
            Unavailable: the ledger takes nothing.
        """
        return self._record([refusal])[0]

    def _batch(self, batch: list[Row | NotASignal]) -> list[Answer]:
        answers: list[Answer | NotASignal] = [
            row if isinstance(row, NotASignal) else self._submit(row) for row in batch
        ]
        refused = iter(self._record([answer for answer in answers if isinstance(answer, NotASignal)]))
        return [next(refused) if isinstance(answer, NotASignal) else answer for answer in answers]

    def _submit(self, row: Row) -> Answer | NotASignal:
        try:
            request = request_of(row, strategy=self._strategy)
            unknown = self._declared.problems(request)
            if unknown:
                return row.refused(unknown)
            done = submit(self._ledger, request, source=self._source, actor=self._actor, now_ns=self._clock.now_ns())
        except NotASignal as exc:
            return exc
        except Conflict as exc:
            return Changed(row, exc)
        return Answer(
            place=row.place,
            signal_id=request.signal_id,
            listed_as=done.signal_id,
            status="repeated" if done.repeated else "accepted",
            pos=done.pos,
        )

    def _record(self, refusals: list[NotASignal]) -> list[Answer]:
        if not refusals:
            return []
        done = self._ledger.append([self._event(refusal) for refusal in refusals])
        return [
            Answer(
                place=refusal.place,
                signal_id=refusal.signal_id,
                listed_as=decided_id(self._source, refusal.signal_id) if isinstance(refusal, Changed) else "",
                status="refused",
                pos=pos,
                reason=refusal.message,
                fix=refusal.fix,
                conflict=isinstance(refusal, Changed),
            )
            for refusal, pos in zip(refusals, done.positions, strict=True)
        ]

    def _event(self, refusal: NotASignal) -> NewEvent:
        now = self._clock.now_ns()
        known = refusal.strategy if refusal.strategy in self._declared.strategies else ""
        data = e.SignalRefused(
            source=self._source,
            strategy=known or self._strategy,
            reason=readable(refusal.message),
            found=readable(refusal.found),
            at=now,
        )
        return new_event(
            e.SIGNAL_REFUSED,
            stream=f"signal/{self._source}",
            data=data,
            actor=self._actor,
            now_ns=now,
            id=event_id(e.SIGNAL_REFUSED, self._source, *refusal.key, readable(refusal.message))
            if refusal.key
            else None,
        )
