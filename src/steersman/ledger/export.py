"""Events for other programs: CloudEvents 1.0 as JSON lines, and Parquet with typed columns.

Files appear whole or not at all (written beside, then renamed), and say which head of the ledger they come from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec

from steersman.kernel.clock import iso
from steersman.ledger.event import Event
from steersman.ledger.ports import Head

if TYPE_CHECKING:
    import polars as pl

SOURCE: Final = "urn:steersman:desk"
_CHUNK: Final = 20_000
_encode = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder().decode
Progress = Callable[[int], None]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds: `events` of them, the last at `head`; `sha256` of the file's bytes."""

    path: str
    format: str
    events: int
    head: Head
    bytes: int
    sha256: str


def cloud_event(event: Event, *, source: str = SOURCE) -> dict[str, object]:
    """Return the event as a CloudEvents 1.0 object; `data` is the stored JSON, byte for byte.

    Extension attributes carry the ledger's own: pos, streamversion, actor, correlationid, causationid, hash (hex).

    Source: CloudEvents 1.0.2, JSON event format; names of attributes are lower-case letters and digits only.
    """
    made: dict[str, object] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": source,
        "type": event.type,
        "time": iso(event.recorded_at),
        "subject": event.stream,
        "datacontenttype": "application/json",
        "dataschema": f"urn:steersman:event:{event.type}:{event.schema}",
        "pos": event.pos,
        "streamversion": event.version,
        "actor": event.actor,
        "hash": event.hash.hex(),
    }
    if event.correlation_id is not None:
        made["correlationid"] = str(event.correlation_id)
    if event.causation_id is not None:
        made["causationid"] = str(event.causation_id)
    return made | {"data": msgspec.Raw(event.data)}


def write_cloudevents(events: Iterable[Event], out: Path, *, progress: Progress = lambda _: None) -> Exported:
    """Write one CloudEvent per line to `out`, replacing it."""
    seen = _Seen(events, progress)
    with _replacing(out) as temporary, temporary.open("wb") as file:
        for event in seen:
            file.write(_encode(cloud_event(event)) + b"\n")
    return seen.exported(out, "cloudevents")


def write_parquet(events: Iterable[Event], out: Path, *, progress: Progress = lambda _: None) -> Exported:
    """Write typed columns and the data as JSON text to `out` (zstd), replacing it.

    Memory stays that of one chunk of 20,000 events: chunks go to disk and are then streamed into one file. The file's
    metadata holds `steersman.head_pos` and `steersman.head_hash` of the last event in it.
    """
    import polars as pl  # 0.1 s to import; only this export needs it

    seen = _Seen(events, progress)
    with _replacing(out) as temporary, TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        parts: list[Path] = []
        events = iter(seen)
        while chunk := list(islice(events, _CHUNK)):
            parts.append(Path(folder) / f"{len(parts):06}.parquet")
            _frame(pl, chunk).write_parquet(parts[-1], compression="zstd", compression_level=1)
        whole = pl.scan_parquet(parts) if parts else _frame(pl, ()).lazy()
        whole.sink_parquet(
            temporary,
            compression="zstd",
            metadata={
                "steersman.head_pos": str(seen.head.pos),
                "steersman.head_hash": seen.head.hash.hex(),
                "steersman.events": str(seen.count),
            },
        )
    return seen.exported(out, "parquet")


FORMATS: Final[dict[str, Callable[..., Exported]]] = {"cloudevents": write_cloudevents, "parquet": write_parquet}


class _Seen:
    """Passes events on, counting them and remembering the last."""

    def __init__(self, events: Iterable[Event], progress: Progress) -> None:
        self._events = events
        self._progress = progress
        self.count = 0
        self.head = Head(pos=0, hash=bytes(32))

    def __iter__(self) -> Iterator[Event]:
        event = None
        for event in self._events:
            self.count += 1
            if self.count % _CHUNK == 0:
                self._progress(self.count)
            yield event
        if event is not None:
            self.head = Head(pos=event.pos, hash=event.hash)

    def exported(self, path: Path, format: str) -> Exported:
        with path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return Exported(
            path=str(path),
            format=format,
            events=self.count,
            head=self.head,
            bytes=path.stat().st_size,
            sha256=digest.hexdigest(),
        )


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `out` once all went well, and is removed otherwise."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _frame(pl: Any, events: Sequence[Event]) -> pl.DataFrame:
    instant = pl.Datetime("ns", "UTC")
    columns = {
        "pos": (pl.Int64, [e.pos for e in events]),
        "id": (pl.String, [str(e.id) for e in events]),
        "recorded_at": (pl.Int64, [e.recorded_at for e in events]),
        "at": (pl.Int64, [_at(e.data) for e in events]),
        "stream": (pl.String, [e.stream for e in events]),
        "version": (pl.Int64, [e.version for e in events]),
        "type": (pl.String, [e.type for e in events]),
        "schema": (pl.Int32, [e.schema for e in events]),
        "actor": (pl.String, [e.actor for e in events]),
        "causation_id": (pl.String, [str(e.causation_id) if e.causation_id else None for e in events]),
        "correlation_id": (pl.String, [str(e.correlation_id) if e.correlation_id else None for e in events]),
        "data": (pl.String, [e.data.decode() for e in events]),
        "hash": (pl.Binary, [e.hash for e in events]),
    }
    made = pl.DataFrame([pl.Series(name, values, dtype=kind) for name, (kind, values) in columns.items()])
    return made.with_columns(pl.col("recorded_at", "at").cast(instant))  # type: ignore[no-any-return]  # pl is untyped here


def _at(data: bytes) -> int | None:
    """Return the instant in the event's own domain, ns since 1970, if it says one."""
    found = _decode_any(data)
    at = found.get("at") if isinstance(found, dict) else None
    return at if isinstance(at, int) and not isinstance(at, bool) and 0 < at < 1 << 62 else None
