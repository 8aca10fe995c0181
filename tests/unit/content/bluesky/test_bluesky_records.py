"""What a post becomes: its key, its ranges of bytes, its record, and what pictures tell of themselves."""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_post

from steersman.content.adapters.bluesky.facets import facets
from steersman.content.adapters.bluesky.pictures import Picture, picture
from steersman.content.adapters.bluesky.record import blob_cid, card, images, is_ours, record, shows
from steersman.content.adapters.bluesky.tid import record_key
from steersman.content.ports import Media, Post, TextLink
from steersman.kernel.errors import Rejected

TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
PIECES = [
    "word",
    " ",
    "\n",
    "#tag",
    "#ü",
    "🎉",
    "👩‍👩‍👧",
    "e\u0301",
    "שלום",
    "مرحبا",
    "#",
    "https://x.org/ä",
    "\u202e",
    "1️⃣",
    "한",
]
PROSE = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=15)


# -- keys --------------------------------------------------------------------------------------------------------


@given(st.text(max_size=60).filter(str.isprintable), st.integers(0, 2**63 - 1))
def test_a_key_is_a_tid_and_stays_the_same(key: str, at: int) -> None:
    assert TID.fullmatch(record_key(key, at))
    assert record_key(key, at) == record_key(key, at)


def test_ten_thousand_posts_planned_for_the_same_minute_have_keys_of_their_own() -> None:
    keys = {record_key(f"bluesky/post-{number}", 1_700_000_000_000_000_000) for number in range(10_000)}
    assert len(keys) == 10_000


def test_keys_sort_by_the_second_of_the_first_plan() -> None:
    first, second = (record_key("c/one", at * 1_000_000_000) for at in (1_700_000_000, 1_700_000_001))
    assert first < second


# -- facets ------------------------------------------------------------------------------------------------------


@st.composite
def texts_with_links(draw: st.DrawFn) -> tuple[str, list[TextLink]]:
    text, links = "", []
    for part in draw(PROSE):
        if draw(st.booleans()) and part:
            links.append(TextLink(start=len(text), end=len(text) + len(part), url="https://x.org/"))
        text += part
    return text, links


@given(texts_with_links())
def test_every_facet_covers_exactly_its_link_or_hashtag_in_bytes(given_text: tuple[str, list[TextLink]]) -> None:
    text, links = given_text
    data = text.encode()
    found = facets(text, links)
    covered = [data[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode() for one in found]
    features = [one["features"][0] for one in found]
    linked = [shown for shown, one in zip(covered, features, strict=True) if "uri" in one]
    assert linked == [text[link.start : link.end] for link in links]
    tagged = [(shown, one["tag"]) for shown, one in zip(covered, features, strict=True) if "tag" in one]
    assert all(shown[0] in "#＃" and shown[1:] == tag for shown, tag in tagged)
    ends = [edge for one in found for edge in (one["index"]["byteStart"], one["index"]["byteEnd"])]
    assert ends == sorted(ends)


TAGS: dict[str, list[str]] = {
    "#one and #two": ["one", "two"],
    "#café, #naïve!": ["café", "naïve"],
    "(#inside) a#no": [],
    "#1 of #2026": [],
    "#2026x #v1": ["2026x", "v1"],
    "＃日本語 #日本語。": ["日本語", "日本語"],
    "#️⃣ #": [],
    "#שלום #مرحبا": ["שלום", "مرحبا"],
    "#🎉 #a🎉b": ["🎉", "a🎉b"],
    "#" + "x" * 65: [],
    "#c++": ["c++"],
    "##double": ["#double"],
    "#e\u0301te\u0301": ["e\u0301te\u0301"],
}


@pytest.mark.parametrize("text", list(TAGS))
def test_a_hashtag_is_what_the_app_makes_one(text: str) -> None:
    assert [one["features"][0]["tag"] for one in facets(text, ())] == TAGS[text]


def test_a_hash_inside_of_a_link_is_no_hashtag() -> None:
    text = "see x.org/ #a"
    link = TextLink(start=4, end=13, url="https://x.org/#a")
    assert [one["features"][0]["$type"] for one in facets(text, [link])] == ["app.bsky.richtext.facet#link"]


@pytest.mark.parametrize("spans", [[(0, 0)], [(3, 2)], [(-1, 2)], [(0, 99)], [(0, 3), (2, 4)]], ids=str)
def test_a_link_without_a_place_of_its_own_is_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(Rejected, match="overlaps another or lies outside"):
        facets("short", [TextLink(start=start, end=end, url="https://x.org/") for start, end in spans])


# -- records -----------------------------------------------------------------------------------------------------


def a_text_post(text: str = "Words.", **fields: Any) -> Post:
    return a_post("one", "", text=text, **fields)


def a_picture(data: bytes = b"bytes", alt: str = "A curve") -> Media:
    sha256 = hashlib.sha256(data).hexdigest()
    return Media(name="a.png", path="/a.png", alt=alt, mime="image/png", sha256=sha256, size_bytes=len(data))


def as_uploaded(media: Media, mime: str = "image/png") -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": blob_cid(media.sha256)}, "mimeType": mime, "size": media.size_bytes}


def test_a_record_shows_its_own_post_and_no_other() -> None:
    post = a_text_post("See #this", link="https://example.com/one", summary="Short")
    shown = record(post, (), card(post))
    assert shows(shown, post, ())
    changes: list[dict[str, Any]] = [
        {"text": "See #that"}, {"link": ""}, {"title": "Other"}, {"summary": ""}, {"language": "de"},
        {"links": (TextLink(start=0, end=3, url="https://x.org/"),)}, {"media": (a_picture(),)},
    ]  # fmt: skip
    assert not [change for change in changes if shows(shown, msgspec.structs.replace(post, **change), ())]
    assert is_ours(shown, post)
    assert not is_ours(shown, msgspec.structs.replace(post, published_at=post.published_at + 1000))


def test_what_somebody_added_to_a_record_makes_it_another() -> None:
    post = a_text_post()
    shown = record(post, (), None)
    assert not shows({**shown, "labels": {"values": []}}, post, ())


def test_a_post_with_pictures_shows_them_instead_of_the_card() -> None:
    post = a_text_post(link="https://example.com/one", media=(a_picture(),))
    assert card(post) is None


def test_pictures_are_recognised_by_their_bytes_and_their_words() -> None:
    media = a_picture(PNG)
    post = a_text_post(media=(media,))
    shown = record(post, (), images([media], [as_uploaded(media, "image/x-png")], [PNG]))
    assert shown["embed"]["images"][0]["aspectRatio"] == {"width": 640, "height": 480}
    assert shows(shown, post, ())
    assert not shows(shown, msgspec.structs.replace(post, media=(a_picture(PNG, alt="Other"),)), ())
    assert not shows(shown, msgspec.structs.replace(post, media=(a_picture(b"other"),)), ())


@pytest.mark.parametrize("embed", [None, [], "x", {"$type": "app.bsky.embed.images"}, {"images": 5}, {"images": [5]}])
def test_any_nonsense_in_place_of_pictures_is_only_another_post(embed: Any) -> None:
    post = a_text_post(media=(a_picture(),))
    broken = {**embed, "$type": "app.bsky.embed.images"} if isinstance(embed, dict) else embed
    assert not shows({**record(post, (), None), "embed": broken}, post, ())


def test_the_address_of_a_picture_is_the_one_that_servers_give_it() -> None:
    # What the reference server answered for these bytes.
    sha256 = hashlib.sha256(b"hello world").hexdigest()
    assert blob_cid(sha256) == "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


def test_half_an_emoji_is_refused_and_not_quoted() -> None:
    with pytest.raises(Rejected, match="half a character at position 6") as refused:
        record(a_text_post("secret\ud83d"), (), None)
    assert "secret" not in str(refused.value)


# -- pictures ----------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + bytes(9)
FRAME = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 480, 640) + bytes(10)


@dataclass(frozen=True)
class Exif:
    order: str
    orientation: int

    def segment(self) -> bytes:
        head = (b"II*\0" if self.order == "<" else b"MM\0*") + struct.pack(f"{self.order}I", 8)
        entry = struct.pack(f"{self.order}HHIHH", 0x0112, 3, 1, self.orientation, 0)
        other = struct.pack(f"{self.order}HHII", 0x010F, 2, 4, 0)
        body = b"Exif\0\0" + head + struct.pack(f"{self.order}H", 2) + other + entry
        return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


HEADERS: dict[str, tuple[bytes, Picture | None]] = {
    "png": (PNG, Picture("image/png", 640, 480)),
    "gif": (b"GIF89a" + struct.pack("<HH", 640, 480), Picture("image/gif", 640, 480)),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x04ab" + b"\xff\xff" + FRAME[1:], Picture("image/jpeg", 640, 480)),
    "jpeg lying on its side": (b"\xff\xd8" + Exif("<", 6).segment() + FRAME, Picture("image/jpeg", 480, 640)),
    "jpeg upside down": (b"\xff\xd8" + Exif(">", 3).segment() + FRAME, Picture("image/jpeg", 640, 480)),
    "jpeg with broken exif": (b"\xff\xd8\xff\xe1\0\x0eExif\0\0II*\0\x08\0" + FRAME, Picture("image/jpeg", 640, 480)),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480),
             Picture("image/webp", 640, 480)),
    "webp without loss": (b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14),
                          Picture("image/webp", 640, 480)),
    "webp with more": (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
                       Picture("image/webp", 640, 480)),
    "nothing": (b"", None),
    "text": (b"hello", None),
    "svg": (b"<svg/>", None),
    "png of no size": (PNG[:16] + bytes(8), None),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HEADERS))
def test_a_picture_tells_its_type_and_size(name: str) -> None:
    data, expected = HEADERS[name]
    assert picture(data) == expected


@given(st.sampled_from([data for data, _ in HEADERS.values()]), st.data())
def test_no_cut_or_change_of_a_header_breaks_anything(data: bytes, draw: st.DataObject) -> None:
    cut = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    for _ in range(min(3, len(cut))):
        cut[draw.draw(st.integers(0, len(cut) - 1))] = draw.draw(st.integers(0, 255))
    found = picture(bytes(cut))
    assert found is None or (found.width > 0 and found.height > 0)
