"""The processes that bench `pull` measures: they read one frame in one of three ways, or pull once."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Final, Literal

import msgspec
import polars as pl

MEASURED: Final = "steersman.bench.pull_reader"


Kind = Literal["arrow", "mapped", "json", "polars_json", "redis"]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How to read: a file's path, or `host:port` of a Redis that holds the bytes under the key `frame`."""

    kind: Kind
    place: str


def _sum(frame: pl.LazyFrame) -> float:
    """Touch what a script would: one column. The same question for every way."""
    return float(frame.select(pl.col("c3").sum()).collect().item())


def read(way: Way) -> float:
    """Return the sum of the column `c3`."""
    if way.kind == "arrow":
        return _sum(pl.scan_ipc(way.place))
    if way.kind == "mapped":
        # Optional, and loaded in the turn that warms up.
        import pyarrow as pa
        from pyarrow import compute

        with pa.memory_map(way.place) as file:
            return float(compute.sum(pa.ipc.open_file(file).read_all()["c3"]).as_py())
    if way.kind == "json":
        with Path(way.place).open("rb") as file:
            return float(sum(row["c3"] for row in json.load(file)))
    if way.kind == "polars_json":
        return _sum(pl.read_json(way.place).lazy())
    return _sum(pl.scan_ipc(_get(way.place)))


def _get(place: str) -> bytes:
    """Return the value of `frame` by RESP, on a bare socket: cheaper than any client library."""
    host, _, port = place.rpartition(":")
    with socket.create_connection((host, int(port))) as link, link.makefile("rb") as answer:
        link.sendall(b"*2\r\n$3\r\nGET\r\n$5\r\nframe\r\n")
        return answer.read(int(answer.readline()[1:]))


def _serve() -> None:
    """Read as each line says, and print the CPU milliseconds it took, all threads together."""
    for line in sys.stdin.buffer:
        way = msgspec.json.decode(line, type=Way)
        began = time.process_time_ns()
        read(way)
        sys.stdout.write(f"{(time.process_time_ns() - began) / 1e6}\n")
        sys.stdout.flush()


def _make(arrow: str, text: str, rows: int, columns: int) -> None:
    base = pl.Series("x", range(rows)).cast(pl.Float64)
    frame = pl.DataFrame({f"c{number}": base * 1.0001 + number for number in range(columns)})
    frame.write_ipc(arrow, compression="uncompressed")
    frame.write_json(text)


def _pull(root: Path) -> None:
    """Pull once, as any script's process would, and print the hash of what was given."""
    # Only this way needs them, and the readers must not pay for them.
    from steersman.bench.pull_parts import pulling

    with pulling(root) as pulls:
        sys.stdout.write(pulls.pull("bars", who="bench").receipt.content_hash)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        _make(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1] == "pull":
        _pull(Path(sys.argv[2]))
    else:
        _serve()
