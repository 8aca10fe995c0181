"""A draft laid out for a page: every character is in it once, marks begin and end where they should, nothing hides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.console.content_text import Mark, Run, Text, lay_out


def a_mark(start: int, end: int, kind: str = "warn", number: int = 1) -> Mark:
    return Mark(start=start, end=end, kind=kind, ref=f"f{number}", number=number)


def said(laid: Text) -> str:
    """Return the page as text: `<n` and `n>` where mark n begins and ends, `^n` where it begins below another."""
    return "\n".join("".join(_said(run) for run in line.runs) for line in laid.lines)


def _said(run: Run) -> str:
    under = "".join(f"^{n}" for n in run.under)
    number = run.mark.number if run.mark is not None else 0
    opened, closed = f"<{number}" if run.begins else "", f"{number}>" if run.ends else ""
    return f"{under}{opened}{'[' + run.text + ']' if run.hidden else run.text}{closed}"


def test_a_mark_is_cut_out_of_its_line() -> None:
    assert said(lay_out("one two\r\nthree\n", [a_mark(4, 7), a_mark(9, 14, "gate", 2)])) == "one <1two1>\n<2three2>"


def test_where_marks_overlap_the_urgent_one_shows_and_the_other_can_be_reached() -> None:
    assert said(lay_out("abcdef", [a_mark(0, 6, "info", 1), a_mark(0, 3, "gate", 2)])) == "^1<2abc2>def1>"
    assert said(lay_out("abcdef", [a_mark(0, 6, "gate", 1), a_mark(2, 3, "info", 2)])) == "<1ab^2cdef1>"


def test_a_mark_over_lines_begins_and_ends_once() -> None:
    assert said(lay_out("ab\ncd\nef", [a_mark(1, 7)])) == "a<1b\ncd\ne1>f"
    assert said(lay_out("ab\n\ncd", [a_mark(2, 3)])) == "ab<1\n\ncd" or "<1" in said(
        lay_out("ab\n\ncd", [a_mark(2, 3)])
    )


def test_what_has_no_look_of_its_own_is_named() -> None:
    assert said(lay_out("a\u202eb\u200bc\x1bd\ufeff", [])) == "a[U+202E]b[U+200B]c[U+001B]d[U+FEFF]"
    assert said(lay_out("\U0001f469\u200d\U0001f680\tx", [])) == "\U0001f469\u200d\U0001f680\tx", "emoji need theirs"


def test_a_long_text_says_what_it_left_out() -> None:
    assert lay_out("abcdef", [], most=4).left_out == 2


@given(
    text=st.text(alphabet="ab \n\r\u202e\u0301é🎉", max_size=40),
    spans=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 10), st.sampled_from(["gate", "warn", "info", "remark"])),
        max_size=6,
    ),
)
def test_every_character_is_shown_once_and_every_mark_can_be_reached_once(
    text: str, spans: list[tuple[int, int, str]]
) -> None:
    size = len(text)
    marks = [
        a_mark(start, min(start + length, size), kind, n)
        for n, (start, length, kind) in enumerate(spans, 1)
        if start < size
    ]
    laid = lay_out(text, marks)
    named = {"U+202E": "\u202e"}
    shown = "".join(named[run.text] if run.hidden else run.text for line in laid.lines for run in line.runs)
    assert shown == text.replace("\r", "").replace("\n", "")
    runs = [run for line in laid.lines for run in line.runs]
    anchors = [run.mark.number for run in runs if run.begins and run.mark] + [n for run in runs for n in run.under]
    assert sorted(anchors) == sorted(mark.number for mark in marks)
