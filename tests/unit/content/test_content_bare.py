"""What a camera wrote into a picture does not go out, its pixels do, and a broken file is refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from steersman.content.bare import bare

SECRET = b"52.5163 13.3777 Owner: A. Author"


def photo(kind: str, *, turned: int = 1) -> bytes:
    """Return a picture with a place, an owner and a comment in it."""
    image = Image.new("RGB", (8, 4))
    image.putdata([(x * 30, y * 60, 128) for y in range(4) for x in range(8)])
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = turned
    out = io.BytesIO()
    options: dict[str, Any] = {"exif": exif}
    if kind == "PNG":
        text = PngInfo()
        text.add_text("Comment", SECRET.decode())
        options["pnginfo"] = text
    if kind == "WEBP":
        options |= {"xmp": b"<x>" + SECRET + b"</x>", "lossless": True}
    if kind == "JPEG":
        options |= {"comment": SECRET, "quality": 95}
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_goes_and_pixels_stay(kind: str) -> None:
    given_, mime = photo(kind), f"image/{kind.lower()}"
    assert SECRET in given_
    left = bare(given_, mime)
    assert SECRET not in left
    assert bare(left, mime) == left
    with Image.open(io.BytesIO(given_)) as before, Image.open(io.BytesIO(left)) as after:
        assert after.tobytes() == before.tobytes()
        assert not dict(after.getexif())
        assert "comment" not in after.info
        assert "Comment" not in after.info


@pytest.mark.parametrize("turned", [3, 6, 8])
def test_a_photo_stays_turned_the_right_way(turned: int) -> None:
    left = bare(photo("JPEG", turned=turned), "image/jpeg")
    with Image.open(io.BytesIO(left)) as after:
        assert dict(after.getexif()) == {0x0112: turned}
    assert bare(left, "image/jpeg") == left


def test_what_hangs_on_behind_a_photo_is_dropped() -> None:
    alone = bare(photo("JPEG"), "image/jpeg")
    assert bare(photo("JPEG") + photo("JPEG") + b"a video", "image/jpeg") == alone


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_cut_off_is_refused_or_still_a_picture(kind: str) -> None:
    whole, mime = photo(kind), f"image/{kind.lower()}"
    refused = 0
    for end in range(12, len(whole) - 1, 3):
        try:
            bare(whole[:end], mime)
        except ValueError:
            refused += 1
    assert refused > (len(whole) - 14) // 3 * 0.9


def test_a_png_with_a_wrong_sum_is_refused() -> None:
    chunk = struct.pack(">I", 4) + b"tEXt" + b"abcd" + struct.pack(">I", zlib.crc32(b"other"))
    with pytest.raises(ValueError, match="broken"):
        bare(b"\x89PNG\r\n\x1a\n" + chunk, "image/png")


def test_camera_data_of_an_avif_cannot_be_taken_out_and_that_is_said() -> None:
    with pytest.raises(ValueError, match="camera data"):
        bare(b"\0\0\0\x1cftypavif" + b"..Exif..", "image/avif")
    assert bare(b"\0\0\0\x1cftypavif....", "image/avif") == b"\0\0\0\x1cftypavif...."


@given(st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP"]))
def test_no_bytes_break_it(tail: bytes, head: bytes) -> None:
    mime = {b"\xff": "image/jpeg", b"\x89": "image/png", b"R": "image/webp"}[head[:1]]
    try:
        left = bare(head + tail, mime)
    except ValueError:
        return
    assert bare(left, mime) == left
