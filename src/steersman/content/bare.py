"""Pictures without what a camera or a program wrote into them: place, owner, serial numbers, comments, thumbnails.

Only the containers are read; no pixel is touched. How a photo is turned stays: without it, it would lie on its side.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SOI: Final = b"\xff\xd8"
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_SCAN: Final = 0xDA
_KEPT_APPS: Final = (0xE0, 0xEE)  # JFIF, and Adobe's colour transform; the colour profile is known by its name
_COMMENT: Final = 0xFE
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED: Final = frozenset((b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"))
_WEBP_DROPPED: Final = frozenset((b"EXIF", b"XMP "))
_ORIENTATION: Final = 0x0112


def bare(content: bytes, mime: str) -> bytes:
    """Return the picture without metadata; the same bytes for the same picture, and `bare(bare(x)) == bare(x)`.

    Raises:
        ValueError: it is not whole, or its metadata cannot be taken out here; says which.
    """
    try:
        if mime == "image/jpeg":
            return _jpeg(content)
        if mime == "image/png":
            return b"".join((_PNG, *(chunk for name, chunk in _png(content) if name not in _PNG_DROPPED)))
        if mime == "image/webp":
            return _webp(content)
    except (struct.error, IndexError) as exc:
        raise ValueError("it is cut off or broken") from exc
    if mime == "image/avif" and b"Exif" in content[:65_536]:
        raise ValueError("it holds camera data, and those of an AVIF cannot be taken out here")
    return content


def _jpeg(content: bytes) -> bytes:
    kept, turned = [], 1
    for marker, segment in _segments(content):
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            turned = _orientation(segment[10:]) or turned
        is_profile = marker == 0xE2 and segment[4:15] == b"ICC_PROFILE"
        is_told = marker in range(0xE0, 0xF0) or marker == _COMMENT
        if not is_told or is_profile or marker in _KEPT_APPS:
            kept.append(segment)
    head = [_SOI, _turned(turned)] if turned != 1 else [_SOI]
    return b"".join((*head, *kept))


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and bytes of each segment; the last one runs from the start of scan to the end of the file."""
    at = 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("it is cut off or broken")
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _ALONE:
            yield marker, content[at : at + 2]
            at += 2
            continue
        if marker == _SCAN:
            yield marker, _image(content, at)
            return
        (length,) = struct.unpack_from(">H", content, at + 2)
        segment = content[at : at + 2 + length]
        if len(segment) < 2 + length or length < 2:
            raise ValueError("it is cut off or broken")
        yield marker, segment
        at += 2 + length


def _image(content: bytes, start: int) -> bytes:
    """Return everything from the first scan to the end of image; videos and depth maps behind it are dropped."""
    end = content.rfind(b"\xff\xd9", start)
    if end < 0:
        raise ValueError("it is cut off or broken")
    # A second picture behind the first begins with a start of its own.
    second = content.find(b"\xff\xd9\xff\xd8", start)
    return content[start : (second if second >= 0 else end) + 2]


def _orientation(tiff: bytes) -> int | None:
    """Return how the photo is turned, 1 to 8 (EXIF 2.32, tag 0x0112); None if nothing is said."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    if offset + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    for entry in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION and 1 <= value <= 8:
            return int(value)
    return None


def _turned(orientation: int) -> bytes:
    """Return an EXIF segment that says only how the photo is turned."""
    tiff = b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while True:
        (length,) = struct.unpack_from(">I", content, at)
        name, chunk = content[at + 4 : at + 8], content[at : at + 12 + length]
        if len(chunk) < 12 + length or zlib.crc32(chunk[4:-4]) != struct.unpack(">I", chunk[-4:])[0]:
            raise ValueError("it is cut off or broken")
        yield name, chunk
        if name == b"IEND":
            return
        at += 12 + length


def _webp(content: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise ValueError("it is cut off or broken")
    kept, at = [], 12
    while at + 8 <= size + 8:
        name = content[at : at + 4]
        (length,) = struct.unpack_from("<I", content, at + 4)
        chunk = content[at : at + 8 + length + (length & 1)]
        if len(chunk) < 8 + length:
            raise ValueError("it is cut off or broken")
        if name == b"VP8X":
            # Its flags say that EXIF (bit 3) and XMP (bit 2) follow.
            chunk = chunk[:8] + bytes([chunk[8] & ~0x0C]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        at += len(chunk)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
