"""Whatever engines suggest, a fix changes words and nothing else."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.model.finding import Found, judge
from steersman.content.qa.fix import fixed, plan

PIECES = st.sampled_from(
    ["some words ", "teh ", "Teh end. ", "met Jonh ", "in 2026 ", "`teh 1` ", "[teh](https://a.org/teh) ",
     "“teh said” ",
     "**teh** ", "$teh$ ", "\n\n", "\r\n", "🎉 ", "é\u0301 ", "\u202eteh\u202c ", "> teh\n", "- teh\n", "<b>teh</b> ",
     "{{< teh >}} ", "| teh | x |\n", "# Teh\n"]
)  # fmt: skip
NEW = st.sampled_from(["the", "", "The", "10", "[x](y)", "a\nb", "`", "two words", "Ünï", "<b>"])
GUARDED = (
    r"\d+",
    r"`[^`\n]*`",
    r"\]\([^)]*\)",
    r"“[^”]*”",
    r"\{\{.*?\}\}",
    r"\$[^$]*\$",
    r"\bJonh\b",
    r"[\[\]<>*_`|#{}$]",
)


@given(
    st.lists(PIECES, min_size=1, max_size=12).map("".join),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 12), NEW), max_size=10),
)
def test_numbers_names_links_quotes_code_and_line_breaks_survive_every_fix(
    body: str, wanted: list[tuple[int, int, str]]
) -> None:
    draft = a_draft(body)
    source = draft.masked.source
    found = [
        Found(
            start=min(len(source), draft.body_start + at), end=min(len(source), draft.body_start + at + length),
            source="s", rule=f"R{i}", category="spelling" if i % 2 else "typo", message="m", suggestions=(new,),
        )
        for i, (at, length, new) in enumerate(wanted)
    ]  # fmt: skip
    planned = plan(draft, judge(draft.name, source, draft.masked.lines, found, ()))
    assert all(a.end <= b.start for a, b in pairwise(planned.edits))
    after = fixed(source, planned.edits)
    for guarded in GUARDED:
        assert re.findall(guarded, after) == re.findall(guarded, source)
    lost = sum(source[e.start : e.end].count("\n") for e in planned.edits)
    assert after.count("\n") == source.count("\n") - lost
    for span in draft.masked.covered:
        moved = span.start + sum(len(e.new) - (e.end - e.start) for e in planned.edits if e.end <= span.start)
        assert after[moved : moved + span.end - span.start] == source[span.start : span.end]
