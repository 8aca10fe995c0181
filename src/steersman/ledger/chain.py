"""The hash chain: each event's hash covers the one before it, its header and the exact bytes of its data."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from steersman.ledger.ports import Head, Verification

GENESIS: Final = bytes(32)
"""The hash before the first event."""

_NIL: Final = bytes(16)
# Fixed part first, with the length of every part that varies: no two events share one encoding. One pack call instead
# of one per field halves the cost. The flags tell an absent id from one of zeros.
_HEADER: Final = struct.Struct(">Q16sqQIB16s16sIIIQ")

RawRow = tuple[int, bytes, int, bytes, int, bytes, int, bytes, bytes | None, bytes | None, bytes, bytes]
"""A row with its text columns as the UTF-8 bytes that are stored (see row.Row for the order)."""


def link(
    previous: bytes,
    pos: int,
    id_: bytes,
    ts: int,
    stream: bytes,
    ver: int,
    type_: bytes,
    schema: int,
    actor: bytes,
    cause: bytes | None,
    corr: bytes | None,
    data: bytes,
) -> bytes:
    """Return the hash of one event: sha256(previous hash, header, data), 32 bytes."""
    flags = (cause is not None) | (corr is not None) << 1
    header = _HEADER.pack(
        pos, id_, ts, ver, schema, flags, cause or _NIL, corr or _NIL, len(stream), len(type_), len(actor), len(data)
    )
    return sha256(b"".join((previous, header, stream, type_, actor, data))).digest()


def verify_rows(rows: Iterable[RawRow], *, start: Head) -> Verification:
    """Recompute every hash of `rows`, which must follow `start` without a gap; stop at the first disagreement."""
    pos, digest, checked = start.pos, start.hash, 0
    for row in rows:
        problem = _problem(row, pos, digest)
        if problem:
            return Verification(
                ok=False, checked=checked, head=Head(pos=pos, hash=digest), problem=problem, first_bad=pos + 1
            )
        pos, digest, checked = row[0], row[11], checked + 1
    return Verification(ok=True, checked=checked, head=Head(pos=pos, hash=digest))


def _problem(row: RawRow, previous_pos: int, previous_hash: bytes) -> str:
    """Return what is wrong with `row` after `previous_pos`, in words, or nothing."""
    expected = previous_pos + 1
    if row[0] != expected:
        gone = f"event {expected} is" if row[0] == expected + 1 else f"events {expected} to {row[0] - 1} are"
        return f"{gone} missing: the next one stored is {row[0]}"
    try:
        found = link(previous_hash, *row[:11])
    except (struct.error, TypeError, AttributeError) as exc:
        # A damaged file may hold any type in any column: a blob where a number was, or nothing at all.
        return f"event {expected} was changed: a column holds a value of the wrong kind ({exc})"
    if found != row[11]:
        return f"event {expected} was changed, or an event before it: its hash does not follow from what is stored"
    return ""
