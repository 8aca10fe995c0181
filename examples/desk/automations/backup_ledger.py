"""Copy the ledger while it is being written to, prove the copy whole, and keep the last seven in backups/.

The copy is taken with SQLite's online backup from a read-only connection, so the desk goes on trading meanwhile. Then
every hash of the copy is computed again: a backup that was never read is a hope, not a backup.
"""

import json
import os
import sys
import time
from pathlib import Path

import apsw

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
    for old in sorted(folder.glob("ledger-*.db"))[:-KEEP]:
        old.unlink()
    head = {"pos": verified.head.pos, "hash": verified.head.hash.hex()}
    print(f"{target.name}: {verified.checked} events, {target.stat().st_size / 1e6:.1f} MB, every hash checked")
    print("::result", json.dumps({"backup": target.name, "events": verified.checked, "head": head, "verified": True}))


if __name__ == "__main__":
    main()
