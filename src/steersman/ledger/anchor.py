"""The head of the ledger, written down outside of it: what shows a tail that was cut off, which a chain alone cannot.

A line is `position hash time mac`. The mac is HMAC-SHA256 over the line before and this one, under a key in a file of
its own (0600), so lines cannot be changed, reordered or made up without the key. Whoever holds the key and both files
can still forge all of it: copy the anchor file to another machine (or mail, or git) to rule that out.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock, iso
from steersman.kernel.errors import Corrupt
from steersman.ledger.ports import Head, Ledger

_KEY_BYTES: Final = 32


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One line: where the head stood, and when (RFC 3339, UTC)."""

    head: Head
    at: str
    mac: str


def key_path(path: Path) -> Path:
    """Return where the key of the anchor file `path` is kept."""
    return path.with_name(path.name + ".key")


def anchor(ledger: Ledger, path: Path, clock: Clock) -> Anchor | None:
    """Append the ledger's head to the anchor file, durably; None when it has not moved since the last line.

    Raises:
        Corrupt: a line in the file is not one of ours, or the ledger does not hold what the last line says. Nothing
            is written then: a line on top would hide it.
    """
    with _alone(path):
        head = ledger.head()
        anchors = list(_read(path))
        last = anchors[-1] if anchors else None
        if last is not None and (problem := _disagreement(ledger, last, head)):
            raise Corrupt(problem, fix="`steersman ledger verify` says what is left; compare with a backup")
        if head.pos == 0 or (last is not None and last.head.pos == head.pos):
            return None
        made = _signed(_key(path), "" if last is None else last.mac, head, iso(clock.now_ns()))
        _write(path, made)
        return made


def check_anchors(ledger: Ledger, path: Path) -> str:
    """Return the first disagreement between the anchor file and the ledger, in words; empty when they agree."""
    head = ledger.head()
    try:
        for found in _read(path):
            if problem := _disagreement(ledger, found, head):
                return problem
    except Corrupt as exc:
        return exc.message
    return ""


def count(path: Path) -> int:
    """Return how many sound lines the anchor file has; 0 when there is no such file.

    Raises:
        Corrupt: a line is not one of ours.
    """
    return sum(1 for _ in _read(path))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other threads and processes from adding a line meanwhile: each line follows from the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _disagreement(ledger: Ledger, found: Anchor, head: Head) -> str:
    pos = found.head.pos
    if pos > head.pos:
        return (
            f"the tail was cut off: on {found.at} the ledger reached {pos}, now it ends at {head.pos} "
            f"({pos - head.pos} events are gone)"
        )
    event = next(ledger.read(after=pos - 1, limit=1), None)
    if event is None or event.pos != pos:
        return f"event {pos} is missing, which was the head on {found.at}"
    if event.hash != found.head.hash:
        return f"history was rewritten: event {pos} is not the one that was the head on {found.at}"
    return ""


def _read(path: Path) -> Iterator[Anchor]:
    """Yield the lines of the anchor file.

    Raises:
        Corrupt: a line does not follow from the key and the line before.
    """
    try:
        lines = path.read_text(encoding="ascii", errors="replace").split("\n")
    except FileNotFoundError:
        return
    key = _key(path)
    previous = ""
    # Only what ends in a line break was written whole; a crash may have left a piece after it.
    for number, line in enumerate(lines[:-1], start=1):
        found = _parse(line)
        if found is None or not hmac.compare_digest(found.mac, _signed(key, previous, found.head, found.at).mac):
            raise Corrupt(
                f"{path.name} line {number} was changed, or its key {key_path(path).name} was",
                fix="restore both files from a copy; to start over on purpose, move both away",
            )
        yield found
        previous = found.mac


def _parse(line: str) -> Anchor | None:
    parts = line.split(" ")
    if len(parts) != 4 or not parts[0].isascii() or not parts[0].isdigit():
        return None
    try:
        return Anchor(head=Head(pos=int(parts[0]), hash=bytes.fromhex(parts[1])), at=parts[2], mac=parts[3])
    except ValueError:
        return None


def _signed(key: bytes, previous: str, head: Head, at: str) -> Anchor:
    said = f"{previous}\n{head.pos} {head.hash.hex()} {at}".encode("ascii", "replace")
    return Anchor(head=head, at=at, mac=hmac.new(key, said, sha256).hexdigest())


def _write(path: Path, made: Anchor) -> None:
    line = f"{made.head.pos} {made.head.hash.hex()} {made.at} {made.mac}\n".encode()
    with path.open("r+b" if path.exists() else "w+b") as file:
        raw = file.read()
        # A piece of a line that a crash left is overwritten.
        file.seek(raw.rfind(b"\n") + 1)
        file.truncate()
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o600)


def _key(path: Path) -> bytes:
    """Return the key, making it when there is neither key nor anchor file.

    Raises:
        Corrupt: there are anchors, but their key is gone or cut.
    """
    where = key_path(path)
    try:
        key = where.read_bytes()
    except FileNotFoundError:
        if path.exists() and path.stat().st_size:
            raise Corrupt(f"the key {where.name} of {path.name} is gone", fix="restore it from a copy") from None
        return _make_key(where)
    if len(key) != _KEY_BYTES:
        raise Corrupt(f"the key {where.name} has {len(key)} bytes, not {_KEY_BYTES}", fix="restore it from a copy")
    return key


def _make_key(where: Path) -> bytes:
    where.parent.mkdir(parents=True, exist_ok=True)
    temporary = where.with_name(f"{where.name}.{os.getpid()}.tmp")
    key = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, where)  # refuses if another process was first: its key is the one then
    except FileExistsError:
        return where.read_bytes()
    finally:
        temporary.unlink()
    return key
