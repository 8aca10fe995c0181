"""Copy the ledger while it is being written to, prove the copy whole, sign it, and keep the last seven in backups/.

The copy is taken with SQLite's online backup from a read-only connection, so the desk goes on trading meanwhile. Then
every hash of the copy is computed again: a backup that was never read is a hope, not a backup. It is signed with a key
that this script leases and never keeps; `python backup_ledger.py FILE` says whether a copy is still what was signed.
"""

import hashlib
import hmac
import os
import sys
import time
from pathlib import Path

import apsw

from steersman.client import result, token
from steersman.ledger.adapters import sqlite

WORKSPACE = Path(os.environ.get("STEERSMAN_WORKSPACE", "."))
KEEP = 7


def copy(source: Path, target: Path) -> None:
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    writing = apsw.Connection(str(target))
    try:
        with writing.backup("main", reading, "main") as backup:
            backup.step(-1)  # all pages in one read transaction: consistent, and writers are not held up in WAL mode
        # Into the one file, so that the copy can be moved without its -wal.
        writing.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        writing.close()
        reading.close()


def signature(path: Path) -> str:
    """Return HMAC-SHA256 (hex) of the file under the desk's key for backups."""
    key = token("backups").secret.encode()
    with path.open("rb") as file:
        return hmac.new(key, hashlib.file_digest(file, "sha256").digest(), "sha256").hexdigest()


def check(path: Path) -> None:
    said = path.with_suffix(".sig").read_text(encoding="ascii").strip()
    if not hmac.compare_digest(said, signature(path)):
        sys.exit(f"{path.name} is not what was signed: do not restore it")
    print(f"{path.name} is what was signed")


def main() -> None:
    source = WORKSPACE / ".steersman" / "ledger.db"
    if not source.is_file():
        sys.exit(f"no ledger at {source}: start the desk first (steersman up)")
    folder = WORKSPACE / "backups"
    folder.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    fresh = folder / f".ledger-{stamp}.db.new"
    fresh.unlink(missing_ok=True)
    copy(source, fresh)
    ledger = sqlite.create(fresh, read_only=True)
    try:
        verified = ledger.verify()
    finally:
        ledger.close()
    if not verified.ok:
        sys.exit(f"the copy is not whole: {verified.problem}; kept as {fresh} for a look")
    target = folder / f"ledger-{stamp}.db"
    fresh.replace(target)
    target.with_suffix(".sig").write_text(f"{signature(target)}\n", encoding="ascii")
    for old in sorted(folder.glob("ledger-*.db"))[:-KEEP]:
        old.unlink()
        old.with_suffix(".sig").unlink(missing_ok=True)
    head = {"pos": verified.head.pos, "hash": verified.head.hash.hex()}
    print(f"{target.name}: {verified.checked} events, {target.stat().st_size / 1e6:.1f} MB, every hash checked, signed")
    result(backup=target.name, events=verified.checked, head=head, verified=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check(Path(sys.argv[1]))
    else:
        main()
