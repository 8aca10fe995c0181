"""Posts with pictures, and servers that break off at one request, for tests of channels that others run."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Literal

from steersman.bootstrap.proof.platforms.server import App, Fault, Request, Server
from steersman.content.ports import Media

How = Literal["answer", "silent", "reset", "refuse", "garbled"]


class BreakingServer(Server):
    """Goes wrong at one request, counted from 0 since the last `break_at`."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self._left = -1
        self._how: How = "reset"
        self.has_broken = False

    def __enter__(self) -> BreakingServer:
        super().__enter__()
        return self

    def break_at(self, number: int, how: How) -> None:
        """Let request `number` from now on go wrong; -1: none."""
        self._left, self._how, self.has_broken = number, how, False

    def take(self, request: Request) -> Fault | None:
        given = super().take(request)
        self._left -= 1
        if self._left != -1:
            return given
        self.has_broken = True
        return Fault(how=self._how, status=500)


def a_picture(folder: Path, name: str = "images/curve.png", alt: str = "A curve that rises", shade: int = 0) -> Media:
    """Return a picture of one dot that lies in `folder`."""
    content = a_png(shade)
    path = folder / f"{shade}-{Path(name).name}"
    path.write_bytes(content)
    return Media(
        name=name,
        path=str(path),
        alt=alt,
        mime="image/png",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )


def a_png(shade: int = 0) -> bytes:
    """Return a whole picture of one dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    dot = zlib.compress(bytes([0, shade, shade, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", dot) + chunk(b"IEND", b"")
