"""What changed between two versions, and where a place of the one is in the other."""

from __future__ import annotations

import pytest

from steersman.content.review.changes import Changes
from steersman.content.review.place import span_of
from steersman.kernel.errors import Rejected


def shown(before: str, after: str) -> list[str]:
    marks = {"gone": "[-{}-]", "new": "{{+{}+}}", "same": "{}"}
    hunks = Changes(before, after).hunks()
    return ["".join(marks[s.kind].format(s.text) for s in hunk.segments) for hunk in hunks]


def moved(before: str, after: str, words: str) -> str | None:
    at = before.index(words)
    found = Changes(before, after).moved(at, at + len(words))
    return None if found is None else after[found[0] : found[1]]


def test_a_changed_word_is_shown_with_what_stands_around_it() -> None:
    assert shown("I recieve mail.\n", "I receive mail.\n") == ["I [-recieve-] {+receive+} mail.\n"]


def test_a_rewrap_changes_nothing() -> None:
    assert Changes("one two\nthree four\n", "one\ntwo three\nfour\n").is_empty
    assert shown("one two\nthree\n", "one two three\n") == []


def test_context_ends_at_the_paragraph() -> None:
    assert shown("Title\n\nold words\n\nnext\n", "Title\n\nnew words\n\nnext\n") == ["[-old-] {+new+} words"]


def test_changes_in_two_paragraphs_are_apart() -> None:
    assert shown("one a\n\none b\n", "two a\n\ntwo b\n") == ["[-one-] {+two+} a", "[-one-] {+two+} b\n"]


def test_far_changes_are_apart_and_near_ones_together() -> None:
    before = "a b c " + "x " * 40 + "d e f"
    assert len(Changes(before, before.replace("b", "B").replace("e", "E")).hunks()) == 2
    assert len(Changes("a b c d e", "a B c D e").hunks()) == 1


@pytest.mark.parametrize(
    ("before", "after", "words", "found"),
    [
        ("Say the word here.", "First. Say the word here.", "word", "word"),
        ("Say the word here.", "Say the word, here.", "word", "word"),
        ("Say the word here.", "Say the words here.", "word", None),
        ("Say the word here.", "Say the odd word here.", "the word", None),
        ("Say the word here.", "", "word", None),
        ("A 👩‍🚀 word é x", "🎉 A 👩‍🚀 word é x", "word", "word"),
        ("مرحبا بالعالم كله", "قال مرحبا بالعالم كله", "بالعالم", "بالعالم"),
        (
            "The first paragraph has words.\n\nThe second one has others.\n",
            "The second one has others.\n\nThe first paragraph has words.\n",
            "second one",
            "second one",
        ),
        ("The same line stands here now.\nx", "y\nThe same line stands here now.", "x", None),
    ],
    ids=["before it", "mark behind it", "itself", "inside it", "all gone", "emoji", "rtl", "moved", "gone"],
)  # fmt: skip
def test_a_place_is_found_again_unless_it_changed(before: str, after: str, words: str, found: str | None) -> None:
    assert moved(before, after, words) == found


def test_a_long_text_costs_no_square_of_its_length() -> None:
    """Count the words that are compared: a change in the middle of many equal paragraphs looks at that one alone."""
    paragraphs = [f"Paragraph {n} has these words in it." for n in range(20_000)]
    before = "\n\n".join(paragraphs)
    paragraphs[10_000] = "Paragraph 10000 has those words in it."
    changes = Changes(before, "\n\n".join(paragraphs))
    (hunk,) = changes.hunks()
    assert hunk.line == 20_001
    assert [s.text.strip() for s in hunk.segments if s.kind != "same"] == ["these", "those"]


TEXT = "---\ntitle: T\n---\n\nSay “hello” to 🎉 all.\r\n\r\n  Two words  \n"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("5", "Say “hello” to 🎉 all."),
        ("5:1", "Say"),
        ("5:6", "hello"),
        ("5:5", "“hello”"),
        ("5:5-11", "“hello”"),
        ("7", "Two words"),
        ("5-7", "Say “hello” to 🎉 all.\r\n\r\n  Two words"),
        (" 5:13 ", "to"),
    ],
)
def test_a_place_names_lines_words_or_columns(place: str, words: str) -> None:
    start, end = span_of(place, TEXT)
    assert TEXT[start:end] == words


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("0", "no line 0"),
        ("99", "no line 99"),
        ("7-5", "no lines 7 to 5"),
        ("6", "line 6 is empty"),
        ("5:99", "no column 99"),
        ("5:9-3", "no column 3"),
        ("5:4", "no word at 5:4"),
        ("five", "a place is LINE"),
        ("5:1:2", "a place is LINE"),
        ("٥", "a place is LINE"),
    ],
)
def test_a_wrong_place_says_which_there_are(place: str, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        span_of(place, TEXT)


def test_the_fence_of_the_front_matter_is_no_word_before_a_change() -> None:
    before = "---\ntitle: One\nstatus: ready\n---\nI came on Friday. It rained.\n"
    (hunk,) = Changes(before, before.replace("Friday", "Monday")).hunks()
    kept = "".join(segment.text for segment in hunk.segments if segment.kind != "new")
    assert kept == "I came on Friday. It rained.\n"
    (hunk,) = Changes(before, before.replace("One", "Two")).hunks()
    assert "I came" not in "".join(segment.text for segment in hunk.segments)
