"""Offsets between the file, running text and bytes, on any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.model.distance import edits
from steersman.content.qa.engines.lingotweaker import code_points
from steersman.content.qa.engines.plain import paragraphs

TEXTS = st.text(max_size=60)
MARKDOWN = st.lists(
    st.sampled_from(
        ["word", "*", "**", "_", "`", "`code`", "[", "](x)", "<b>", "</b>", "<http://x.y>", "\n", "\n\n", "> ", "- ",
         "# ", "| ", "|", "😀", "e\u0301", "שלום", " ", "\\", "&amp;", "\r\n", "  "]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(text=TEXTS)
def test_code_points_are_those_of_slicing_bytes(text: str) -> None:
    raw, at = text.encode(), code_points(text)
    for index in range(len(text) + 1):
        offset = len(text[:index].encode())
        assert at(offset) == index == len(raw[:offset].decode())


@given(body=MARKDOWN)
def test_every_letter_of_running_text_is_the_one_in_the_file(body: str) -> None:
    masked = a_draft(f"Start. {body}\n").masked
    for block in paragraphs(masked):
        assert len(block.origins) == len(block.text) + 1
        assert list(block.origins) == sorted(block.origins)
        for index, letter in enumerate(block.text):
            if index not in block.fillers and letter != " ":
                assert masked.source[block.origins[index]] == letter
                assert masked.prose[block.origins[index]] == letter


@given(one=st.text("abcd", max_size=7), other=st.text("abcd", max_size=7))
def test_the_distance_is_symmetric_and_at_most_the_longer_word(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one) <= max(len(one), len(other))
    assert (edits(one, other) == 0) is (one == other)
