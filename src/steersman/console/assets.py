"""Style, scripts and font, read once: named by their content so that browsers keep them, compressed where it helps."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `gzipped` is None where compressing does not pay (fonts are compressed already)."""

    media_type: str
    plain: bytes
    gzipped: bytes | None
    digest: str


class Assets:
    """Every file of the static folder, in memory (about 0.4 MB)."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._found = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    def get(self, name: str) -> Asset | None:
        return self._found.get(name)

    def url(self, name: str) -> str:
        """Return the address of `name`, which changes when its content does.

        Raises:
            KeyError: there is no such file; a template names it wrongly.
        """
        found = self._found[name]
        # The stylesheet names its font without a query: the preload must name the same address.
        return f"/static/{name}" if found.media_type == "font/woff2" else f"/static/{name}?{found.digest}"

    def text(self, name: str) -> str:
        return self._found[name].plain.decode()


def _read(path: Path) -> Asset:
    plain = path.read_bytes()
    small = gzip.compress(plain, 9, mtime=0) if path.suffix != ".woff2" else plain
    return Asset(
        media_type=_TYPES[path.suffix],
        plain=plain,
        gzipped=small if len(small) < len(plain) else None,
        digest=hashlib.sha256(plain).hexdigest()[:12],
    )
