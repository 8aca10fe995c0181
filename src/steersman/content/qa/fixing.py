"""Fixes put into files: never over a version that nobody checked, and never without a copy of what was there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.files import put
from steersman.kernel.errors import Conflict, Misconfigured

_RECORD: Final = "last.json"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What undo needs of one draft: the version that was there, kept under its own hash, and the one that is now."""

    draft: str
    before_sha256: str
    after_sha256: str
    at: int


class Fixer:
    """Writes fixed drafts of one workspace, and takes the last change of each back."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._folder = state / "content-fix"

    def write(self, name: str, before_sha256: str, after: str, *, at: int) -> None:
        """Put `after` in the place of the version `before_sha256` of the draft `name`.

        The copy and what undo needs are on disk before the draft is touched: a crash in between leaves the old draft.

        Raises:
            Conflict: the file is not the version that was checked.
            Misconfigured: it cannot be written.
        """
        path = self._root / name
        raw = self._read(path, name)
        if _sha(raw) != before_sha256:
            raise Conflict(f"{name} changed since it was checked: nothing was written", fix="run content fix again")
        new = after.encode("utf-8", "surrogatepass")
        kept = Kept(draft=name, before_sha256=before_sha256, after_sha256=_sha(new), at=at)
        try:
            put(self._folder / before_sha256, raw)
            self._write_records({**self._records(), name: kept})
            put(path.resolve(), new)  # a link stays one
        except OSError as exc:
            raise Misconfigured(f"{name} cannot be written: {exc.strerror}", fix="check its permissions") from exc

    def undoable(self) -> list[str]:
        """Return the drafts whose last fix can be asked back."""
        return sorted(self._records())

    def undo(self, name: str) -> bool:
        """Put the version before the last fix of `name` back; False if that is what is there already.

        Raises:
            Misconfigured: no fix of it is kept, or its copy is gone or damaged.
            Conflict: it was changed since it was fixed.
        """
        records = self._records()
        kept = records.get(name)
        if kept is None:
            raise Misconfigured(
                f"no fix of {name} is kept", fix="`content fix --undo` without a name lists those there are"
            )
        path = self._root / name
        now = _sha(self._read(path, name))
        if now not in (kept.before_sha256, kept.after_sha256):
            raise Conflict(
                f"{name} was changed since it was fixed: nothing was put back",
                fix=f"the version before is {self._folder / kept.before_sha256}; take from it what you need",
            )
        if now == kept.after_sha256:
            copy = self._read(self._folder / kept.before_sha256, f"the copy of {name}")
            if _sha(copy) != kept.before_sha256:
                raise Misconfigured(f"the copy of {name} is damaged", fix="take the version before from git")
            put(path.resolve(), copy)
        self._write_records({draft: one for draft, one in records.items() if draft != name})
        if all(one.before_sha256 != kept.before_sha256 for draft, one in records.items() if draft != name):
            (self._folder / kept.before_sha256).unlink(missing_ok=True)
        return now == kept.after_sha256

    def _records(self) -> dict[str, Kept]:
        try:
            return msgspec.json.decode((self._folder / _RECORD).read_bytes(), type=dict[str, Kept])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            where = self._folder / _RECORD
            raise Misconfigured(
                f"{where} is damaged: {type(exc).__name__}", fix="move it away; copies stay beside it"
            ) from exc

    def _write_records(self, records: dict[str, Kept]) -> None:
        put(self._folder / _RECORD, msgspec.json.encode({name: records[name] for name in sorted(records)}))

    def _read(self, path: Path, name: str) -> bytes:
        try:
            return path.read_bytes()
        except OSError as exc:
            raise Misconfigured(f"{name} cannot be read: {exc.strerror}", fix="content list names the drafts") from exc


def _sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
