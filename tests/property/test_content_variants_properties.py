"""Whatever a draft says, a short post is within its limits or says why not, and its links point at themselves."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.ports import Limits
from steersman.content.publishing import graphemes
from steersman.content.publishing.plaintext import plain
from steersman.content.publishing.variants import find_links, variant

LINK = "https://example.com/a"
TEXT = st.text(st.sampled_from("aé e\u0301👨‍👩‍👧‍👦🇩🇪שלום .!?,\n*_[]()`#>-|<&{}%\u200d\u0301"), max_size=400)


@given(
    summary=TEXT, body=TEXT, limit=st.integers(60, 400), bytes_=st.integers(200, 2000), link=st.sampled_from(["", LINK])
)
def test_a_short_post_is_within_its_limits_or_says_why_not(
    summary: str, body: str, limit: int, bytes_: int, link: str
) -> None:
    draft = msgspec.structs.replace(a_draft(body.replace("\0", "") + "\n"), summary=summary)
    made = variant(draft, "b", Limits(shows="text", max_graphemes=limit, max_bytes=bytes_), link=link)
    fits = graphemes.count(made.text) <= limit and len(made.text.encode()) <= bytes_
    assert fits == (not made.problems)
    if link:
        assert made.text.endswith(link)
    assert all(made.text[one.start : one.end] == one.url for one in made.links)


@given(text=TEXT)
def test_plain_text_has_no_control_characters_and_no_edges(text: str) -> None:
    made = plain(text)
    assert made == made.strip()
    assert not any(ord(c) < 32 and c != "\n" for c in made)
    assert "\n\n\n" not in made


@given(before=TEXT, after=st.text("abc .,)!", max_size=20))
def test_a_link_is_found_wherever_it_stands(before: str, after: str) -> None:
    text = f"{before} {LINK} {after}"
    assert LINK in [one.url for one in find_links(text)]
