"""A warm check says what a whole one says, whatever was edited in between."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found
from steersman.content.qa.blocks import PerBlock, blocks
from steersman.content.qa.engines.harper import HarperChecker

PIECES = st.sampled_from(
    ["I recieve it.", "Fine words 🎉 here.", "> a quote\n> goes on", "- one\n- two\n\n  more", "```\ncode\n\nmore\n```",
     "# Head", "| a | b |\n| - | - |\n| c | teh |", "<div>\nwords\n\n</div>", "[^1]: A note.", "[a]: http://x.org",
     "{{< highlight >}}\n\nteh\n\n{{< /highlight >}}", "text\n===", "    code", "<!-- steersman: ignore * -->",
     "It is `teh", "unclosed ``` fence", "<pre>", ""]
)  # fmt: skip
EDITS = st.lists(st.tuples(st.integers(0, 7), PIECES), max_size=6)
_WORD = re.compile(r"[^\W\d_]+")


class Words:
    """An engine that says every word with all it can see: the least difference in what it is given shows."""

    name = "words"

    def check(self, draft: Draft) -> list[Found]:
        masked = draft.masked
        kinds = ",".join(f"{t.type}{t.map}" for t in masked.tokens)
        return [
            Found(
                start=m.start(), end=m.end(), source="words", rule=f"{masked.is_blanked(*m.span())}", category=kinds,
                message=masked.source[max(0, m.start() - 5) : m.end() + 5],
            )
            for m in _WORD.finditer(masked.source)
        ]  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=8), EDITS, st.sampled_from(["\n", "\r\n"]))
def test_after_any_edits_a_warm_check_equals_a_cold_one(
    pieces: list[str], edits: list[tuple[int, str]], ends: str
) -> None:
    warm = PerBlock(Words())
    for at, piece in [(0, pieces[0]), *edits]:
        pieces[at % len(pieces)] = piece
        draft = a_draft("\n\n".join(pieces).replace("\n", ends) + ends)
        assert warm.check(draft) == PerBlock(Words()).check(draft)


@given(st.lists(PIECES, min_size=1, max_size=8))
def test_blocks_are_in_order_apart_and_leave_no_prose_out(pieces: list[str]) -> None:
    draft = a_draft("\n\n".join(pieces) + "\n")
    here = draft.body_start
    for block in blocks(draft.masked, draft.body_start):
        assert block.start >= here
        assert not draft.masked.prose[here : block.start].strip()
        here = block.end
    assert not draft.masked.prose[here:].strip()


_HARPER = HarperChecker()


@settings(max_examples=12)
@given(st.lists(PIECES, min_size=2, max_size=5), EDITS)
def test_harper_says_the_same_warm_and_cold(pieces: list[str], edits: list[tuple[int, str]]) -> None:
    warm = PerBlock(_HARPER)
    for at, piece in [(0, pieces[0]), *edits]:
        pieces[at % len(pieces)] = piece
        draft = a_draft("\n\n".join(pieces) + "\n")
        assert warm.check(draft) == PerBlock(_HARPER).check(draft)


def test_one_edited_paragraph_asks_about_one_block() -> None:
    engine = PerBlock(Words())
    paragraphs = [f"Paragraph {chr(97 + i)} of words." for i in range(20)]
    engine.check(a_draft("\n\n".join(paragraphs) + "\n"))
    paragraphs[7] = "Something else."
    engine.check(a_draft("\n\n".join(paragraphs) + "\n"))
    assert engine.asked == 21
