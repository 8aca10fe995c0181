"""Variants: what each channel is shown, counted as it counts; too long is said, never cut without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_channels import a_png
from tests.builders_content import a_draft

from steersman.content.images import LARGEST_BYTES, pictures, shown_in
from steersman.content.model.draft import Draft
from steersman.content.ports import Limits
from steersman.content.publishing import graphemes
from steersman.content.publishing.hashtags import hashtag
from steersman.content.publishing.plaintext import plain
from steersman.content.publishing.variants import find_links, measure, variant

SHORT = Limits(shows="text", max_graphemes=300, max_bytes=3000, max_media=4)
MASTODON = Limits(shows="text", max_graphemes=500, url_graphemes=23)
LINK = "https://example.com/notes/posts/one.html"
PNG = a_png()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("abc", 3),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("🇩🇪🇫🇷", 2),
        ("👍🏽", 1),
        ("각", 1),
        ("\u1100\u1161\u11a8", 1),
        ("नि", 1),
        ("\r\n", 1),
        ("1️⃣", 1),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1),
    ],
)
def test_characters_are_counted_as_a_reader_does(text: str, count: int) -> None:
    assert graphemes.count(text) == count


@pytest.mark.parametrize(
    ("tag", "made"),
    [
        ("python", "python"),
        ("machine learning", "MachineLearning"),
        ("rock 'n' roll", "RockNRoll"),
        ("über", "über"),
        ("हिन्दी", "हिन्दी"),
        ("日本語", "日本語"),
        ("c++", ""),
        ("C#", ""),
        ("2026", ""),
        ("#already", ""),
        ("-", ""),
        ("a.b", ""),
        ("👍", ""),
    ],
)
def test_a_tag_becomes_a_hashtag_only_if_it_means_the_same(tag: str, made: str) -> None:
    assert hashtag(tag) == made


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("## Head *em*\n\nText", "Head em\n\nText"),
        ("a\nb  \nc", "a b\nc"),
        ("**b** `c` ~~d~~ &amp; \\*", "b c d & *"),
        ("[words](https://e.com)", "words (https://e.com)"),
        ("[https://e.com](https://e.com)", "https://e.com"),
        ("<https://e.com>", "https://e.com"),
        ("[words](../other.md)", "words"),
        ("<me@e.com>", "me@e.com"),
        ("a ![alt](x.png) b", "a  b"),
        ("- one\n- two\n  1. in", "• one\n• two\n  1. in"),
        ("3. c\n4. d", "3. c\n4. d"),
        ("> quote", "“quote”"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("```py\nx = 1\n\ny\n```", "x = 1\n\ny"),
        ("a <!-- no --> <b>b</b>", "a  b"),
        ("{{< figure >}}a{% raw %}b", "ab"),
        ("a\n\n***\n\nb", "a\n\n⁂\n\nb"),
        ("a\x00\x07b\u2028c", "a\ufffdb\nc".replace("\ufffd", "")),
        ("שלום *עולם*", "שלום עולם"),
    ],
)
def test_markdown_becomes_plain_text(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("see https://e.com/a.", ["https://e.com/a"]),
        ("(https://e.com/a_(b)) x", ["https://e.com/a_(b)"]),
        ("“https://e.com/?q=1&r=2”,", ["https://e.com/?q=1&r=2"]),
        ("http://e.com/é! https://x.y", ["http://e.com/é", "https://x.y"]),
        ("no address", []),
    ],
)
def test_links_end_before_the_punctuation_around_them(text: str, urls: list[str]) -> None:
    found = find_links(text)
    assert [one.url for one in found] == urls
    assert [text[one.start : one.end] for one in found] == urls


def test_a_channel_with_room_is_shown_the_whole_body() -> None:
    draft = a_draft("Some *words*.\n", tags="[a, b]", summary="Short.")
    made = variant(draft, "site", Limits())
    assert (made.body, made.text, made.summary, made.tags) == (draft.body, "", "Short.", ("a", "b"))
    assert made.problems == ()


def test_a_short_post_has_title_summary_hashtags_and_the_address() -> None:
    draft = a_draft(title="A title", summary="What it *says*.", tags="[machine learning, c++]")
    made = variant(draft, "b", SHORT, link=LINK)
    assert made.text == f"A title\n\nWhat it says.\n\n#MachineLearning\n\n{LINK}"
    assert [made.text[one.start : one.end] for one in made.links] == [LINK]
    assert made.count == f"{len(made.text)} of 300 characters"
    assert made.notes == ("tag 'c++' makes no hashtag",)


def test_a_summary_that_does_not_fit_is_shortened_at_a_word_and_says_so() -> None:
    draft = a_draft(summary="word " * 100)
    made = variant(draft, "b", SHORT, link=LINK)
    assert made.graphemes <= 300
    assert made.text.endswith(f"word…\n\n{LINK}")
    assert "the summary was shortened" in made.notes
    assert made.problems == ()


def test_every_address_counts_alike_where_the_channel_says_so() -> None:
    assert measure(f"See {LINK} and https://x.y", MASTODON) == len("See  and ") + 46


def test_a_note_without_an_address_goes_out_whole() -> None:
    made = variant(a_draft("Just *this*.\n\nAnd that.\n", tags="[note]"), "b", SHORT)
    assert made.text == "Just this.\n\nAnd that.\n\n#note"


def test_a_long_piece_without_an_address_says_that_the_rest_is_nowhere() -> None:
    made = variant(a_draft("Many words. " * 100), "b", SHORT)
    assert made.graphemes <= 300
    assert made.text.startswith("A title\n\nMany words.")
    assert any("no address leads to the rest" in note for note in made.notes)


def test_the_authors_own_text_is_taken_as_it_is_and_never_cut() -> None:
    own = "{b: '  Look 👀: {link} *now*  '}"
    assert variant(a_draft(variants=own), "b", SHORT, link=LINK).text == f"Look 👀: {LINK} *now*"
    assert variant(a_draft(variants="{b: Look}"), "b", SHORT, link=LINK).text == f"Look\n\n{LINK}"
    long = variant(a_draft(variants="{b: " + "x" * 301 + "}"), "b", SHORT)
    assert long.problems == (
        "the text of `variants: b`: 301 characters, allowed: 300; write it shorter: it is never cut",
    )
    assert len(long.text) == 301


def test_bytes_are_a_limit_of_their_own() -> None:
    draft = a_draft(variants="{b: " + "👨‍👩‍👧‍👦" * 200 + "}")
    made = variant(draft, "b", SHORT)
    assert made.graphemes == 200
    assert made.problems[0].startswith("the text of `variants: b`: 5,000 bytes, allowed: 3,000")


def test_a_title_too_long_for_the_channel_is_refused_with_the_way_out() -> None:
    made = variant(a_draft(title="x" * 290), "b", SHORT, link=LINK)
    assert made.problems == (
        "title and address alone: 332 characters, allowed: 300; write `variants: {b: ...}`",
    )  # fmt: skip


def with_picture(root: Path, body: str, content: bytes = PNG, name: str = "content/images/a b.png") -> Draft:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return a_draft(body)


def test_local_pictures_go_along_with_their_words(tmp_path: Path) -> None:
    draft = with_picture(tmp_path, "![A  curve](images/a%20b.png) ![far](https://e.com/x.png)\n")
    (found,) = pictures(tmp_path, "content", draft)
    made = variant(draft, "site", Limits(), pictures=[found])
    (media,) = made.media
    assert (media.name, media.alt, media.mime, media.size_bytes) == ("images/a b.png", "A curve", "image/png", len(PNG))
    assert found.shown.line == 6


@pytest.mark.parametrize(
    ("body", "content", "problem"),
    [
        ("![a](gone.png)", PNG, "there is no file content/gone.png"),
        ("![](images/x.png)", PNG, "images/x.png has no alternative text"),
        ("![a](images/x.png)", b"<svg/>", "images/x.png is no PNG, JPEG, GIF, WebP or AVIF picture"),
        ("![a](images/x.png)", b"", "images/x.png is no PNG"),
        ("![a](../../etc/passwd)", PNG, "../../etc/passwd lies outside of the workspace"),
        ("![a](/images/none.png)", PNG, "there is no file content/images/none.png"),
        ("![a](images)", PNG, "there is no file content/images"),
    ],
)
def test_a_picture_that_cannot_go_along_keeps_the_post_back(
    tmp_path: Path, body: str, content: bytes, problem: str
) -> None:
    draft = with_picture(tmp_path, f"{body}\n", content, "content/images/x.png")
    made = variant(draft, "site", Limits(), pictures=pictures(tmp_path, "content", draft))
    assert made.problems[0].startswith(f"line 6: {problem}")


def test_a_picture_that_leads_out_of_the_workspace_or_is_hidden_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "desk"
    draft = with_picture(root, "![a](link.png) ![b](/../.steersman/x.png)\n", name=".steersman/x.png")
    (tmp_path / "secret.png").write_bytes(PNG)
    (root / "content").mkdir()
    (root / "content" / "link.png").symlink_to(tmp_path / "secret.png")
    problems = [one.problem for one in pictures(root, "content", draft)]
    assert problems == ["link.png lies outside of the workspace", "/../.steersman/x.png is hidden"]


def test_limits_of_pictures_are_those_of_the_channel(tmp_path: Path) -> None:
    draft = with_picture(tmp_path, "![a long text](images/a%20b.png)\n")
    found = pictures(tmp_path, "content", draft)
    small = variant(draft, "b", Limits(max_media_bytes=10), pictures=found)
    terse = variant(draft, "b", Limits(max_alt=3), pictures=found)
    none = variant(draft, "b", Limits(shows="text", max_media=0), pictures=found)
    assert small.problems == (f"line 6: images/a b.png has {len(PNG)} bytes, allowed there: 10; make it smaller",)
    assert terse.problems == (
        "line 6: the words for images/a b.png have 11 characters, allowed there: 3; say it shorter",
    )
    assert none.problems == ()
    assert none.notes[-1] == "images/a b.png stays behind: 0 pictures are allowed there"
    assert LARGEST_BYTES == 20 * 1024 * 1024


def test_pictures_in_code_are_not_shown() -> None:
    assert shown_in(a_draft("`![a](x.png)`\n\n    ![b](y.png)\n")) == []


def test_what_is_shown_decides_the_hash_and_where_it_lies_does_not(tmp_path: Path) -> None:
    one = with_picture(tmp_path / "a", "![w](x.png)\n", name="content/x.png")
    two = with_picture(tmp_path / "b", "![w](x.png)\n", name="content/x.png")
    made = [
        variant(draft, "site", Limits(), pictures=pictures(tmp_path / place, "content", draft)).content_sha256
        for place, draft in (("a", one), ("b", two))
    ]
    assert made[0] == made[1]
    assert variant(a_draft("![w](x.png)\n", title="Other"), "site", Limits()).content_sha256 != made[0]
