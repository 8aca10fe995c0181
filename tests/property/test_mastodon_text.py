"""Whatever is posted, its own HTML never looks like somebody else's: or a look-up would miss it, and post it twice."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from steersman.bootstrap.proof.platforms.mastodon import _content
from steersman.content.adapters.mastodon.text import is_same, may_show

_PIECES = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20),
    st.sampled_from(
        [
            "@a@b.example",
            "#tag",
            "https://example.com/a?b=1&c=<d>",
            "&amp;",
            "<b>",
            "\r\n",
            "\n\n\n",
            "@",
            " #",
            "👩‍👩‍👧",
        ]
    ),
)


@given(st.lists(_PIECES, max_size=8).map(" ".join))
@example("a@b")
@example("https://example.com/@name/1 and more")
def test_the_html_of_a_text_may_show_that_text(text: str) -> None:
    assert may_show(_content(text), text)


# What is posted has no lone carriage return: the plain text of a draft is made without.
_LINES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=30)


@given(_LINES, _LINES)
def test_only_white_space_at_the_ends_and_line_ends_make_no_difference(one: str, two: str) -> None:
    assert is_same(f" {one}\r\n{two}\n", f"{one}\n{two}".strip())
    assert is_same(one, two) == (one.replace("\r\n", "\n").strip() == two.replace("\r\n", "\n").strip())
