"""The envelope every happening travels in, before and after the ledger gives it a position."""

from __future__ import annotations

from uuid import UUID

import msgspec

from steersman.kernel.ids import uuid7

_encode = msgspec.json.Encoder().encode


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way in.

    Attributes:
        id: identity; appending the same id again returns the old position and writes nothing.
        type: `domain.noun.verb_past`.
        stream: what it is about, e.g. `order/3f2a...`, `run/...`, `draft/slug`; versions count within a stream.
        data: JSON bytes, stored and hashed exactly as given. No secret and no private text.
        actor: who did it: `person:cli`, `core`, `desk`, `strategy:trend`, `automation:prices`.
        schema: shape number of `data` for this type, from 1.
        causation_id: id of the event that led to this one.
        correlation_id: one id from the first signal (draft, run) to the last consequence.
    """

    id: UUID
    type: str
    stream: str
    data: bytes
    actor: str
    schema: int = 1
    causation_id: UUID | None = None
    correlation_id: UUID | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the ledger holds it: `NewEvent` plus its place and its proof.

    Attributes:
        pos: global position, 1, 2, 3 ... without gaps.
        recorded_at: ns since 1970 UTC when the ledger took it. The instant in its own domain, where that differs
            (a replayed bar), is `data.at`, also ns.
        version: position within `stream`, from 1.
        hash: sha256 over the previous hash, the header and the exact bytes of `data` (ledger/chain.py).
    """

    pos: int
    id: UUID
    recorded_at: int
    stream: str
    version: int
    type: str
    schema: int
    actor: str
    causation_id: UUID | None
    correlation_id: UUID | None
    data: bytes
    hash: bytes


def new_event(
    type: str,
    *,
    stream: str,
    data: msgspec.Struct | dict[str, object],
    actor: str,
    now_ns: int,
    id: UUID | None = None,
    schema: int = 1,
    cause: Event | NewEvent | None = None,
    correlation_id: UUID | None = None,
) -> NewEvent:
    """Return an event ready to append, encoding `data` once.

    `cause` fills `causation_id` and hands its correlation id on; without either, the event starts a correlation of
    its own. Pass `id=stable_uuid(...)` when a retry must not write twice.
    """
    event_id = id or uuid7(now_ns)
    inherited = cause.correlation_id if cause is not None else None
    return NewEvent(
        id=event_id,
        type=type,
        stream=stream,
        data=_encode(data),
        actor=actor,
        schema=schema,
        causation_id=cause.id if cause is not None else None,
        correlation_id=correlation_id or inherited or event_id,
    )
