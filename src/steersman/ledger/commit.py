"""What a batch of appends writes, decided in memory before anything is written.

There is one writer, so whether an id is a repeat and whether a version is the expected one is known before the first
INSERT: a Conflict costs its neighbours in the batch nothing, and needs no savepoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from steersman.kernel.errors import Conflict, Rejected
from steersman.ledger.chain import link
from steersman.ledger.event import NewEvent
from steersman.ledger.ports import ANY, Appended, Head
from steersman.ledger.row import Row

MAX_DATA_BYTES: Final = 4 << 20
_MAX_NAME_BYTES: Final = 1024
_any_json = msgspec.json.Decoder(msgspec.Raw).decode


class Stored(Protocol):
    """What a batch must know of the events before it."""

    def find(self, event_id: bytes) -> Row | None: ...
    def version(self, stream: str) -> int: ...
    def recent_version(self, stream: str) -> int:
        """Return the version if it is known without looking, else 0."""
        ...


def check(events: Sequence[NewEvent], expect: int) -> None:
    """Refuse what no ledger may hold; in the caller's thread, so that the batch never meets it.

    Raises:
        Rejected: no events, an empty or overlong name, text that is not Unicode, or data that is too large or not JSON.
        ValueError: `expect` is neither ANY nor a version.
    """
    if not events:
        raise Rejected("nothing to append: the list of events is empty", fix="append one event or more")
    if expect < ANY:
        raise ValueError(f"expect={expect}: give a version from 0, or ANY")
    for event in events:
        if not event.data or len(event.data) > MAX_DATA_BYTES:
            raise Rejected(
                f"{event.type}: data has {len(event.data)} bytes; 1 to {MAX_DATA_BYTES} are allowed",
                fix="put the payload in a file and its sha256 in the event",
            )
        try:
            _any_json(event.data)
            if not event.data.isascii():
                event.data.decode()
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Rejected(f"{event.type}: data is not JSON: {exc}", fix="encode it with new_event") from exc
        if not 0 < event.schema < 1 << 31:
            raise Rejected(f"{event.type}: schema {event.schema} is not a number from 1", fix="number shapes from 1")
        for name in (event.type, event.stream, event.actor):
            _check_name(name)


def _check_name(name: str) -> None:
    # Mostly short ASCII: two attribute tests settle it.
    if name.isascii() and 0 < len(name) <= _MAX_NAME_BYTES and "\0" not in name:
        return
    try:
        size = len(name.encode())
    except UnicodeEncodeError as exc:
        raise Rejected(f"{name!r} is not Unicode text", fix="decode it first, replacing what is not text") from exc
    if not 0 < size <= _MAX_NAME_BYTES or "\0" in name:
        raise Rejected(
            f"type, stream and actor need 1 to {_MAX_NAME_BYTES} bytes without NUL; one has {size}: {name[:60]!r}",
            fix="shorten it; long text belongs in data",
        )


class Batch:
    """The rows that a run of appends adds after `head`; `rows` is what to insert."""

    def __init__(self, stored: Stored, head: Head, *, guess: bool = False) -> None:
        """Start at `head`.

        With `guess`, ids are taken to be new and streams nobody wrote to lately to be empty, without looking: nearly
        always true, and the UNIQUE constraints refuse the whole batch when it is not. Then plan it again without.
        An append with an expected version always looks.
        """
        self.rows: list[Row] = []
        self._stored = stored
        self._guess = guess
        self._pos = head.pos
        self._hash = head.hash
        self._versions: dict[str, int] = {}
        self._new: dict[bytes, Row] = {}

    @property
    def head(self) -> Head:
        """The head once `rows` are written."""
        return Head(pos=self._pos, hash=self._hash)

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the streams that were looked at, once `rows` are written."""
        return self._versions

    def admit(self, events: Sequence[NewEvent], expect: int, now_ns: int) -> Appended:
        """Add `events`, all or none; look first, then write, so that a refusal leaves nothing behind.

        Raises:
            Conflict: the version is not the expected one, or an id is taken by an event that says something else.
        """
        ids = [event.id.bytes for event in events]
        known = self._known(events, ids, look=expect != ANY or not self._guess)
        # A repeat of the whole append is a retry: what it expected was true the first time.
        if expect != ANY and len(known) < len(set(ids)):
            self._check_version(events[0].stream, expect)
        written = 0
        positions = []
        for event, id_ in zip(events, ids, strict=True):
            row = known.get(id_)
            if row is None:
                row = known[id_] = self._add(event, id_, now_ns)
                written += 1
            positions.append(row[0])
        return Appended(positions=tuple(positions), repeated=len(positions) - written)

    def _known(self, events: Sequence[NewEvent], ids: list[bytes], *, look: bool) -> dict[bytes, Row]:
        """Return the rows, stored or in this batch, that have one of `ids`."""
        known: dict[bytes, Row] = {}
        here: dict[bytes, NewEvent] = {}
        for event, id_ in zip(events, ids, strict=True):
            row = self._new.get(id_) or (self._stored.find(id_) if look else None)
            if row is not None:
                known[id_] = row
            if (row is not None and not _same(row, event)) or not _same_event(here.setdefault(id_, event), event):
                raise Conflict(
                    f"the id {event.id} of a {event.type} is taken by an event that says something else",
                    fix="give a new happening a new id; a retry must repeat type, stream and data exactly",
                )
        return known

    def _check_version(self, stream: str, expect: int) -> None:
        if stream not in self._versions:
            self._versions[stream] = self._stored.version(stream)
        # Counted from a wrong guess it may be wrong too; but then the batch is refused as a whole and planned again.
        found = self._versions[stream]
        if found != expect:
            raise Conflict(
                f"stream {stream!r} is at version {found}, not {expect}: somebody wrote first",
                fix="read the stream again and decide again",
            )

    def _version(self, stream: str) -> int:
        found = self._versions.get(stream)
        if found is None:
            known = self._stored.recent_version if self._guess else self._stored.version
            found = self._versions[stream] = known(stream)
        return found

    def _add(self, event: NewEvent, id_: bytes, now_ns: int) -> Row:
        stream, type_, actor, data = event.stream, event.type, event.actor, event.data
        cause = None if event.causation_id is None else event.causation_id.bytes
        # The first event of a correlation carries its own id: often, and 16 bytes need converting only once.
        corr = event.correlation_id
        corr_ = None if corr is None else id_ if corr is event.id else corr.bytes
        pos, ver = self._pos + 1, self._version(stream) + 1
        digest = link(
            self._hash,
            pos,
            id_,
            now_ns,
            stream.encode(),
            ver,
            type_.encode(),
            event.schema,
            actor.encode(),
            cause,
            corr_,
            data,
        )
        row = (pos, id_, now_ns, stream, ver, type_, event.schema, actor, cause, corr_, data, digest)
        self.rows.append(row)
        self._new[id_] = row
        self._versions[stream] = ver
        self._pos, self._hash = pos, digest
        return row


def _same(row: Row, event: NewEvent) -> bool:
    """Say whether `event` says what `row` says; who repeats it, and why, may differ."""
    return row[10] == event.data and row[5] == event.type and row[3] == event.stream and row[6] == event.schema


def _same_event(one: NewEvent, other: NewEvent) -> bool:
    return one is other or (one.data, one.type, one.stream, one.schema) == (
        other.data,
        other.type,
        other.stream,
        other.schema,
    )
