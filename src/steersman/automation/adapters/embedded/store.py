"""The engine's own database, damaged, replaced, taken away, locked or full: said so that it can be put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from steersman.kernel.errors import Unavailable

# By the kind of SQLite's result code, https://sqlite.org/rescode.html; an extended one has more words behind.
_FIXES: Final = {
    "FULL": "make room on the disk",
    "BUSY": "end the program that holds it (fuser -v {path} names it)",
    "LOCKED": "end the program that holds it (fuser -v {path} names it)",
    "CANTOPEN": "see that {path} is a plain file in a folder that may be written",
    "IOERR": "see whether the disk is well and has room",
    "READONLY": "let this user write it; if it was replaced or deleted meanwhile, start the desk again",
}
_MOVE: Final = (
    "let the engine make a new one (mv {path} {path}.damaged); how runs ended stands in the ledger, runs that only "
    "waited are to be started again"
)


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the database at `path` into our words.

    Raises:
        Unavailable: it cannot be used now; `fix` says what would change that.
    """
    try:
        yield
    except DBAPIError as exc:
        said = str(exc.orig).partition("\n")[0]
        _, _, code = str(getattr(exc.orig, "sqlite_errorname", "")).partition("_")
        raise Unavailable(
            f"the database of the embedded engine, {path.name}, cannot be used: {said}",
            fix=_FIXES.get(code.partition("_")[0], _MOVE).format(path=path),
        ) from exc
