"""Receipts of files of bars, kept in the state folder: a file that did not change is not validated again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.trading.adapters.replay import rows
from steersman.trading.adapters.replay.rows import Reading
from steersman.trading.gate.receipts import Receipt
from steersman.trading.model.bar import Bar
from steersman.trading.settings import FeedSettings

_MOST_REFUSED: Final = 10_000


class Receipts:
    """The receipts of one feed's files. The rules are the code of `rows.py` and the feed's settings."""

    def __init__(self, root: Path, settings: FeedSettings) -> None:
        self._root = root
        self._folder = root / ".steersman" / "receipts"
        code = Path(rows.__file__).read_bytes()
        self._rules = hashlib.sha256(code + msgspec.json.encode(settings)).hexdigest()

    def open(self, path: Path) -> Validation:
        """Return how the rows of `path` are to be taken in one pass over it."""
        source = str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)
        place = self._folder / f"{hashlib.sha256(source.encode()).hexdigest()[:24]}.json"
        return Validation(path, source=source, rules=self._rules, place=place)


class Validation:
    """One pass over one file; rows that the receipt covers are taken without asking again whether they may be."""

    def __init__(self, path: Path, *, source: str, rules: str, place: Path) -> None:
        self._path, self._source, self._rules, self._place = path, source, rules, place
        self._signature = _signature(path)
        with path.open("rb") as file:
            self._content = hashlib.file_digest(file, "sha256").hexdigest()
        self._refused: dict[int, str] = {}
        self._receipt = self._found()

    def begun(self) -> None:
        """Forget the receipt if the file is no longer the one that was digested; called once it is open."""
        if _signature(self._path) != self._signature:
            self._receipt = None

    def bar(self, reading: Reading, name: str, at: int, number: int, row: Mapping[str, str]) -> Bar:
        """Return the bar of the row with this line number.

        Raises:
            ValueError: it may not be used; says why.
        """
        receipt = self._receipt
        if receipt is not None and number <= receipt.items:
            if number in receipt.refused:
                raise ValueError(receipt.refused[number])
            return reading.validated(name, at, row)
        try:
            return reading.bar(name, at, row)
        except ValueError as exc:
            self._refused[number] = str(exc)
            raise

    def done(self, last: int) -> None:
        """Keep a receipt for the whole file, whose last row has the line number `last`."""
        if self._receipt is not None or len(self._refused) > _MOST_REFUSED or _signature(self._path) != self._signature:
            return
        receipt = Receipt(
            source=self._source, content=self._content, rules=self._rules, items=last, refused=self._refused
        )
        # It only saves time: on a full disk or a workspace that may not be written, the file is validated again.
        with suppress(OSError):
            self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._place.with_suffix(".fresh")
            fresh.write_bytes(msgspec.json.encode(receipt))
            fresh.replace(self._place)

    def _found(self) -> Receipt | None:
        try:
            receipt = msgspec.json.decode(self._place.read_bytes(), type=Receipt)
        except (OSError, msgspec.MsgspecError):
            return None  # none yet, or not one of ours: validate
        return receipt if receipt.covers(source=self._source, content=self._content, rules=self._rules) else None


def _signature(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
