"""Reading a Parquet file of somebody else in a process of its own.

A damaged one can make the library ask for more memory than there is, and that ends a process without a word. So it ends
this one, run as a file (so that nothing else of Steersman is loaded): `parquet.py MOST` takes the bytes on standard
input and answers with one message of msgpack, the columns and the rows.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any, Final

import msgspec

_MEMORY_BYTES: Final = 4 << 30
_CPU_S: Final = 30
_TIMEOUT_S: Final = 60.0


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a file: `count` rows; without `rows` when there are more than were allowed."""

    count: int
    columns: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()


class Unreadable(Exception):
    """No Parquet that can be read; the message says why, in the library's words."""


def read(raw: bytes, *, most: int) -> Table:
    """Return the table of a file, at most `most` rows of it.

    Raises:
        Unreadable: damaged, not Parquet, or it takes more than 4 GB or 30 s of processor time.
    """
    command = [sys.executable, "-P", __file__, str(most)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    try:
        done = subprocess.run(command, input=raw, capture_output=True, check=False, timeout=_TIMEOUT_S, env=environment)
    except subprocess.TimeoutExpired as exc:
        raise Unreadable(f"it took longer than {_TIMEOUT_S:.0f} s") from exc
    if done.returncode:
        said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise Unreadable((said[-1] if done.returncode == 1 and said else "reading it ended the reader")[:200])
    try:
        return msgspec.msgpack.decode(done.stdout, type=Table)
    except msgspec.DecodeError as exc:
        raise Unreadable("the reader did not answer") from exc


def main(most: int) -> int:
    """Read standard input, answer on standard output; return the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    import io

    import polars as pl  # only this process needs it

    raw = sys.stdin.buffer.read()
    try:
        count = pl.scan_parquet(io.BytesIO(raw)).select(pl.len()).collect().item()
        frame = pl.read_parquet(io.BytesIO(raw)) if count <= most else None
    except (pl.exceptions.PanicException, Exception) as exc:  # noqa: BLE001 - the library's reading of bytes not ours
        sys.stderr.write(next(iter(str(exc).splitlines()), type(exc).__name__))
        return 1
    table = (
        Table(count=count)
        if frame is None
        else Table(count=count, columns=tuple(frame.columns), rows=tuple(frame.iter_rows(named=True)))
    )
    sys.stdout.buffer.write(msgspec.msgpack.encode(table, enc_hook=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
