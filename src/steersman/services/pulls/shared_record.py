"""What machines tell each other of a key: the record of the latest flight, timed by the commons' own clock. Pure.

Two machines' clocks may differ by minutes; each knows only how far its own is from the commons', and that is enough.
"""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.services.ports import Frame, Receipt
from steersman.services.pulls.http_rules import HttpTerms
from steersman.services.pulls.records import Record, Trouble

_VERSION: Final = 1
_LEAST_KEPT_S: Final = 3600.0


class SharedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The latest flight of any machine, and the data it left.

    Attributes:
        flight: names the flight. `machine`: who made it; `data_machine`: who pulled the data, perhaps earlier.
        data: name of the record that holds the data's bytes; empty: there is none, or it is not shared.
        data_until: when those bytes go.
    """

    version: int
    flight: str
    machine: str
    pull: str
    source: str
    flight_began_at: int
    data: str = ""
    data_until: int = 0
    data_machine: str = ""
    frame: Frame = "arrow"
    receipt: Receipt | None = None
    body_hash: str = ""
    headers: dict[str, str] = {}
    http: HttpTerms | None = None
    checked_at: int | None = None
    trouble: Trouble | None = None


def encoded(shared: SharedRecord) -> bytes:
    """Return it as bytes."""
    return msgspec.json.encode(shared)


def decoded(data: bytes | None) -> SharedRecord | None:
    """Return what another machine told; None if it told nothing, or nothing that this version understands."""
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data, type=SharedRecord)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.version == _VERSION else None


def told(record: Record, flight: str, machine: str, *, ahead_ns: int) -> SharedRecord:
    """Return what the others should know of `record`, without its data; `ahead_ns`: our clock less the commons'."""
    return SharedRecord(
        version=_VERSION,
        flight=flight,
        machine=machine,
        pull=record.pull,
        source=record.source,
        flight_began_at=record.flight_began_at - ahead_ns,
        trouble=_moved(record.trouble, -ahead_ns),
    )


def with_data(
    shared: SharedRecord, record: Record, *, data: str, until: int, machine: str, ahead_ns: int
) -> SharedRecord:
    """Return `shared` with the data of `record`, which `machine` pulled and which lies under the name `data`."""
    receipt, checked_at = record.receipt, record.checked_at
    if receipt is None or checked_at is None:
        return shared
    return msgspec.structs.replace(
        shared,
        data=data,
        data_until=until,
        data_machine=machine,
        frame=record.frame,
        receipt=msgspec.structs.replace(receipt, pulled_at=receipt.pulled_at - ahead_ns),
        body_hash=record.body_hash,
        headers=record.headers,
        http=record.http,
        checked_at=checked_at - ahead_ns,
    )


def data_kept(before: SharedRecord, after: SharedRecord) -> SharedRecord:
    """Return `after` with the data of `before`: a failure of a machine that has none takes nothing from the others."""
    return msgspec.structs.replace(
        before, flight=after.flight, machine=after.machine, flight_began_at=after.flight_began_at, trouble=after.trouble
    )


def is_newer(shared: SharedRecord, record: Record, *, ahead_ns: int) -> bool:
    """Say whether the data of `shared` is newer than what `record` has."""
    if not shared.data or shared.receipt is None or shared.checked_at is None:
        return False
    return not record.path or record.checked_at is None or shared.checked_at + ahead_ns > record.checked_at


def after_flight(shared: SharedRecord, record: Record, *, ahead_ns: int) -> Record:
    """Return `record` with what the flight of another machine means for everybody: its time, and its trouble."""
    began_at = shared.flight_began_at + ahead_ns
    known = msgspec.structs.replace(record, shared=shared.flight)
    if began_at <= record.flight_began_at:
        return known  # one of our own, made alone since, knows better
    return msgspec.structs.replace(
        known, flight=record.flight + 1, flight_began_at=began_at, trouble=_moved(shared.trouble, ahead_ns)
    )


def after_data(shared: SharedRecord, record: Record, *, ahead_ns: int) -> Record:
    """Return `record` with everything that is said of the data of `shared`; `path` and `stamp` as they were."""
    receipt, checked_at = shared.receipt, shared.checked_at
    if receipt is None or checked_at is None:
        return record
    return msgspec.structs.replace(
        record,
        frame=shared.frame,
        receipt=msgspec.structs.replace(receipt, pulled_at=receipt.pulled_at + ahead_ns),
        body_hash=shared.body_hash,
        headers=shared.headers,
        http=shared.http,
        checked_at=checked_at + ahead_ns,
    )


def kept_s(ttl_s: float, stale_s: float) -> float:
    """Return how long data must at least lie there: as long as anybody may serve it, an hour in any case."""
    return max(_LEAST_KEPT_S, ttl_s + stale_s)


def _moved(trouble: Trouble | None, by_ns: int) -> Trouble | None:
    return None if trouble is None else msgspec.structs.replace(trouble, retry_at=trouble.retry_at + by_ns)
