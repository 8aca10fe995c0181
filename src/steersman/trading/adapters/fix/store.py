"""What a session must not forget: its numbers, the orders it sent, and what was said about them. One file, one owner.

SQLite and not a file of lines: an order, its number and its id must become durable in one step, ids must be found
without reading all there ever was, and what is over must go without a compaction of our own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from steersman.kernel.errors import Unavailable
from steersman.trading.model.order import Order
from steersman.trading.model.signal import OrderId

_FORMAT: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS numbers(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders(order_id TEXT PRIMARY KEY, seq INTEGER, told BLOB NOT NULL, base TEXT NOT NULL,
  sent BLOB) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_seq ON orders(seq) WHERE seq IS NOT NULL;
CREATE TABLE IF NOT EXISTS heard(id INTEGER PRIMARY KEY, order_id TEXT NOT NULL, frame BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS heard_order ON heard(order_id, id);
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it is kept. `base`: units filled before this store knew it; `sent`: it went out, or may have."""

    order: Order
    base: Decimal
    sent: bool


class Store:
    """The file of one session. For several threads only under a lock of the owner's."""

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        """Open or make the file; its folder is private to its owner.

        Args:
            vfs: name of the apsw VFS to reach the disk through; tests cut the power with it.

        Raises:
            Unavailable: it cannot be opened, is something else, or another process runs this session. (Not Conflict:
                to whoever submits, that would say the order is there.)
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A folder made earlier, by whomever: what is in it names orders and counterparties.
            path.parent.chmod(0o700)
            self._db = _open(path, vfs)
        except apsw.BusyError as exc:
            raise Unavailable(
                f"another process runs the FIX session in {path.name}", fix="stop it: a session has one owner"
            ) from exc
        except (apsw.NotADBError, apsw.CorruptError) as exc:
            raise Unavailable(
                f"{path} is not what was written: {exc}",
                fix="put it aside and agree new sequence numbers with the counterparty (reset_on_logon = true)",
            ) from exc
        except (apsw.Error, OSError) as exc:
            raise Unavailable(f"{path} cannot be opened: {exc}", fix="make its folder writable") from exc
        self.closed = False

    @contextmanager
    def durable(self) -> Iterator[None]:
        """Make what is written within survive a loss of power before the end of the block."""
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            with self._db:
                yield
        finally:
            self._db.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all or nothing. Survives the death of the process, not a loss of power: the other side resends."""
        with self._db:
            yield

    def numbers(self) -> tuple[int, int]:
        """Return (next in, next out); 1 and 1 in a new file."""
        found = dict(self._rows("SELECT key, value FROM numbers WHERE key IN ('in', 'out')"))
        return found.get("in", 1), found.get("out", 1)

    def keep_numbers(self, next_in: int, next_out: int) -> None:
        """Write them. A number that went back tells of a reset: the numbers of orders sent before mean nothing now."""
        if next_out < self.numbers()[1]:
            self._db.execute("UPDATE orders SET seq = NULL WHERE seq IS NOT NULL")
        self._db.execute("INSERT OR REPLACE INTO numbers VALUES('in', ?), ('out', ?)", (next_in, next_out))

    def take_id(self) -> int:
        """Return a number that no request had before, over all lives.

        Raises:
            Unavailable: the file cannot be written.
        """
        sql = (
            "INSERT INTO numbers VALUES('request', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1 RETURNING value"
        )
        try:
            (row,) = self._rows(sql)
        except apsw.Error as exc:
            raise Unavailable(f"nothing was sent: {self.path} cannot be written: {exc}", fix="free the disk") from exc
        return int(row[0])

    def add_order(self, order: Order, *, seq: int | None, sent: bytes | None, base: Decimal = Decimal(0)) -> None:
        """Keep an order, for ever: its id must not go out twice. `sent` is None for one that this store never sent."""
        told = msgspec.json.encode(order)
        row = (order.order_id, seq, told, str(base), sent)
        self._db.execute("INSERT OR REPLACE INTO orders VALUES(?, ?, ?, ?, ?)", row)

    def order(self, order_id: str) -> Kept | None:
        """Return an order kept under that id."""
        found = self._rows("SELECT told, base, sent IS NOT NULL FROM orders WHERE order_id = ?", order_id)
        if not found:
            return None
        told, base, sent = found[0]
        return Kept(order=msgspec.json.decode(told, type=Order), base=Decimal(base), sent=bool(sent))

    def order_of(self, seq: int) -> OrderId | None:
        """Return the id of the order that went out under a number, since the last reset."""
        found = self._rows("SELECT order_id FROM orders WHERE seq = ?", seq)
        return OrderId(found[0][0]) if found else None

    def hear(self, order_id: str, frame: bytes) -> None:
        """Keep what was said about an order."""
        self._db.execute("INSERT INTO heard(order_id, frame) VALUES(?, ?)", (order_id, frame))

    def heard(self, order_id: str) -> Sequence[bytes]:
        """Return what was said about an order, in order."""
        return [row[0] for row in self._rows("SELECT frame FROM heard WHERE order_id = ? ORDER BY id", order_id)]

    def forget_all_but(self, order_ids: Collection[str]) -> None:
        """Drop what was said about other orders than these: nobody will ask for it again."""
        with self._db:
            known = {row[0] for row in self._rows("SELECT DISTINCT order_id FROM heard")}
            for order_id in known - set(order_ids):
                self._db.execute("DELETE FROM heard WHERE order_id = ?", (order_id,))

    def _rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        """Let the file go."""
        self.closed = True
        self._db.close()


def _open(path: Path, vfs: str | None) -> apsw.Connection:
    db = apsw.Connection(str(path), vfs=vfs)
    try:
        # The lock is held from the first read to the end: two owners would give one number twice.
        db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = FULL")
        with db:
            db.execute(_TABLES)
            db.execute("INSERT OR IGNORE INTO numbers VALUES('format', ?)", (_FORMAT,))
        ((found,),) = db.execute("SELECT value FROM numbers WHERE key = 'format'").fetchall()
        if found != _FORMAT:
            raise Unavailable(
                f"{path} has format {found}; this program reads format {_FORMAT}",
                fix="use the version of steersman that wrote it, or a later one",
            )
        db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    path.chmod(0o600)
    return db
