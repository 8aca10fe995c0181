"""What others are sent holds every code point of a draft once, and their offsets come back to the same place."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.adapters.languagetool.wire import CodeUnits, annotated
from steersman.content.reviewers.readable import pieces

ODD = st.text(alphabet="ab .\r\n🚀e\u0301\u202eש﷽𝔘\ud800", max_size=80)
_WORDS = ("word ", "**bold** ", "_it_ ", "🚀", "[", "](", "&amp; ", "# Heading\n", "- ", "> ", "\n\n", "| a | b |\n")
_COVERED = (
    "`code` ",
    "```\ncode\n```\n",
    "[a](https://x.example) ",
    "![p](i.png)",
    "<b>",
    "</b>",
    "https://x.example ",
)
_OTHERS = ("<!-- c -->", "{{< s >}}", "$x^2$ ")
MARKED = st.lists(st.sampled_from([*_WORDS, *_COVERED, *_OTHERS]), max_size=25).map("".join)


@given(ODD)
def test_code_units_come_back_as_the_code_points_before_them(text: str) -> None:
    units = CodeUnits(text)
    for index in range(len(text) + 1):
        before = len(text[:index].encode("utf-16-le", "surrogatepass")) // 2
        assert units.code_points(before) == index


@given(ODD, st.integers(-3, 200))
def test_an_offset_inside_of_a_pair_is_before_it_and_one_outside_is_refused(text: str, offset: int) -> None:
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if not 0 <= offset <= length:
        with pytest.raises(ValueError, match=str(offset)):
            CodeUnits(text).code_points(offset)
        return
    found = CodeUnits(text).code_points(offset)
    assert 0 <= offset - len(text[:found].encode("utf-16-le", "surrogatepass")) // 2 <= 1


@given(MARKED)
def test_pieces_follow_each_other_without_gaps_and_code_is_never_text(body: str) -> None:
    draft = a_draft(body)
    source = draft.masked.source
    found = pieces(draft, draft.body_start, len(source))
    ends = [draft.body_start, *(piece.end for piece in found)]
    assert [piece.start for piece in found] == ends[:-1]
    assert ends[-1] == len(source)
    for piece in found:
        for index in range(piece.start, piece.end if not piece.is_markup else piece.start):
            assert source[index].isspace() or not draft.masked.is_blanked(index, index + 1)


@given(MARKED)
def test_text_and_markup_together_are_as_long_as_the_draft_in_code_units(body: str) -> None:
    draft = a_draft(body)
    source = draft.masked.source
    items = msgspec.json.decode(annotated(source, pieces(draft, draft.body_start, len(source))))["annotation"]
    sent = "".join(item.get("text", item.get("markup", "")) for item in items)
    assert len(sent.encode("utf-16-le")) == len(draft.body.encode("utf-16-le"))
    assert "x.example" not in sent
