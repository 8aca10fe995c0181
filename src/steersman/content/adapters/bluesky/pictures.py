"""What the header of a picture tells: its type, its width and height. No picture is decoded.

Sources: PNG (ISO/IEC 15948) IHDR; GIF89a logical screen; RFC 9649 (WebP); JPEG (ITU-T T.81) frame headers, and the
orientation of Exif 2.3 (tag 0x0112), by which cameras say that height and width are to be swapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_ORIENTATION: Final = 0x0112
_ON_ITS_SIDE: Final = 5
"""Orientations 5 to 8 lie on their side."""


class Picture(msgspec.Struct, frozen=True):
    """A picture as it is shown; `width` and `height` in pixels, >= 1."""

    mime: str
    width: int
    height: int


def picture(data: bytes) -> Picture | None:
    """Return what `data` says of itself; None if it is no PNG, JPEG, GIF or WebP, or is cut off in its header."""
    try:
        found = _read(data)
    except (IndexError, ValueError):
        return None
    return found if found is not None and found.width > 0 and found.height > 0 else None


def _read(data: bytes) -> Picture | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return Picture("image/png", _big(data, 16, 4), _big(data, 20, 4))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Picture("image/gif", _little(data, 6, 2), _little(data, 8, 2))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    return None


def _webp(data: bytes) -> Picture | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return Picture("image/webp", _little(data, 24, 3) + 1, _little(data, 27, 3) + 1)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = _little(data, 21, 4)
        return Picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return Picture("image/webp", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF)
    return None


def _jpeg(data: bytes) -> Picture | None:
    orientation = 1
    for marker, start, end in _segments(data):
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _orientation(data[start + 6 : end])
        if marker in _FRAMES:
            height, width = _big(data, start + 1, 2), _big(data, start + 3, 2)
            on_its_side = orientation >= _ON_ITS_SIDE
            return Picture("image/jpeg", *((height, width) if on_its_side else (width, height)))
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of the segments of a JPEG up to its first scan."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker == 0xDA:
            return
        else:
            length = _big(data, at + 2, 2)
            if length < 2:
                return
            yield marker, at + 4, at + 2 + length
            at += 2 + length


def _orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of `exif`, 1 (upright) if it says none."""
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    number = _little if exif[:2] == b"II" else _big
    try:
        first = number(exif, 4, 4)
        for entry in range(number(exif, first, 2)):
            at = first + 2 + 12 * entry
            if number(exif, at, 2) == _ORIENTATION:
                found = number(exif, at + 8, 2)
                return found if 1 <= found <= 8 else 1
    except ValueError:
        return 1
    return 1


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(data, at, size), "little")


def _part(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) < size:
        raise ValueError("cut off")
    return part
