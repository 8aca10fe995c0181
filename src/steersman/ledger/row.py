"""A row of the ledger: the event as flat storage values, in the order of the columns."""

from __future__ import annotations

from uuid import UUID

from steersman.ledger.event import Event

Row = tuple[int, bytes, int, str, int, str, int, str, bytes | None, bytes | None, bytes, bytes]
"""pos, id, ts, stream, ver, type, schema, actor, cause, corr, data, hash."""

COLUMNS = "pos, id, ts, stream, ver, type, schema, actor, cause, corr, data, hash"


def event_of(row: Row) -> Event:
    """Return the event a row holds."""
    pos, id_, ts, stream, ver, type_, schema, actor, cause, corr, data, digest = row
    return Event(
        pos=pos,
        id=UUID(bytes=id_),
        recorded_at=ts,
        stream=stream,
        version=ver,
        type=type_,
        schema=schema,
        actor=actor,
        causation_id=None if cause is None else UUID(bytes=cause),
        correlation_id=None if corr is None else UUID(bytes=corr),
        data=data,
        hash=digest,
    )
