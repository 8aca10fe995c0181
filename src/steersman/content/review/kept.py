"""What people wrote and which text they saw: private, so it stays in files of the workspace and never in an event."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from steersman.content.files import put
from steersman.kernel.errors import Unavailable

_ID: Final = re.compile(r"[0-9a-f]{16}")
_SHA: Final = re.compile(r"[0-9a-f]{64}")


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A remark as it was written; `quote` is the text it points at, in the version it was made on."""

    draft: str
    text: str
    quote: str


class Kept:
    """The files `.steersman/remarks/<id>.json` and `.steersman/reviewed/<draft>/<sha256>.md`, for this user only.

    Raises, whatever writes:
        Unavailable: the disk takes nothing; what stood there before still stands.
    """

    def __init__(self, state: Path) -> None:
        self._remarks = state / "remarks"
        self._reviewed = state / "reviewed"

    def keep_words(self, remark_id: str, words: Words) -> None:
        """Make the words of a remark durable."""
        _write(self._remarks / f"{remark_id}.json", msgspec.json.encode(words))

    def words(self, remark_id: str) -> Words | None:
        """Return the words of a remark; None if they are not here (another machine) or not readable."""
        if not _ID.fullmatch(remark_id):
            return None
        try:
            return msgspec.json.decode((self._remarks / f"{remark_id}.json").read_bytes(), type=Words)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def keep_version(self, draft: str, sha256: str, text: str) -> None:
        """Make the text of a version durable; one that is there already stays."""
        path = self._version(draft, sha256)
        if self.version(draft, sha256) is None:
            _write(path, text.encode("utf-8"))

    def version(self, draft: str, sha256: str) -> str | None:
        """Return the text of a version; None if it is not here, or is not what was kept."""
        if not _SHA.fullmatch(sha256):
            return None
        try:
            raw = self._version(draft, sha256).read_bytes()
        except OSError:
            return None
        # A file that was cut off or changed would tell a reviewer of changes that nobody made.
        return raw.decode("utf-8") if hashlib.sha256(raw).hexdigest() == sha256 else None

    def forget(self, draft: str, keep: Collection[str]) -> None:
        """Remove the versions of a draft that nothing is told against any more."""
        folder = self._version(draft, "").parent
        for path in folder.glob("*.md"):
            if path.stem not in keep:
                path.unlink(missing_ok=True)

    def _version(self, draft: str, sha256: str) -> Path:
        return self._reviewed / hashlib.sha256(draft.encode()).hexdigest()[:16] / f"{sha256}.md"


def _write(path: Path, data: bytes) -> None:
    try:
        put(path, data, private=True)
    except OSError as exc:
        raise Unavailable(
            f"{path} cannot be written: {exc.strerror}", fix="free disk space, or correct the permissions"
        ) from exc
