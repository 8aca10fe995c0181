"""The mask: as long as the file, the same lines, and nothing of any code span left."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from steersman.content.model.lines import Lines
from steersman.content.model.mask import FILLER, Flavour, mask

BREAKS = re.compile(r"\r\n|\r|\n")
SECRET = "zqsecretqz"
MARKS = st.sampled_from(
    ["`", "``", "[", "](", ")", "<", ">", "<!--", "-->", "{{", "}}", "~~~", "\n", "\r\n", "\r", "\t", " ", "    ", "# ",
     "- ", "> ", "\\", "!", "http://a.b", "é", "🎉", "\ufeff", "\0", "\u2028", "word", "---", "| ", "\x0b", "\x85"]
)  # fmt: skip
SOUP = st.lists(MARKS | st.text(max_size=4), max_size=40).map("".join)
PROSE = st.sampled_from(
    ["Plain words 🎉.", "- an item", "> quoted é", "## A heading", "\tindented", "1. one\n   two", ""]
)
CODE = st.sampled_from(
    [f"`{SECRET}`", f"`` a`{SECRET} ``", f"x `{SECRET}\nmore {SECRET}` y", f"```\n{SECRET}\n```",
     f"~~~ {SECRET}\n{SECRET}",
     f"<!-- end -->\n\n    {SECRET}", f"- item `{SECRET}`", f"> `{SECRET}`", f"[a](http://x/{SECRET} \"{SECRET}\")", f"<http://{SECRET}.org>",
     f'<b title="a > {SECRET}">x</b>', f"<!-- {SECRET} -->", f"{{{{< fig {SECRET} >}}}}", f"https://x.org/{SECRET}",
     f"$x_{{{SECRET}}}$", f"$$\n{SECRET} = 1\n$$", f"\\({SECRET}+1\\)", f"<code>{SECRET}</code>", f"a&{SECRET};",
     f"{{% raw %}}{SECRET}{{% endraw %}}", f"{{{{< highlight a >}}}}\n\n{SECRET}\n\n{{{{< /highlight >}}}}",
     f"<script>\n{SECRET}\n</script>", f"<pre>\n\n{SECRET}</pre>", f"[[{SECRET}|x]]", f"[^{SECRET}]", f":{SECRET}:",
     f"src/{SECRET}/a.py", f"{SECRET}@x.org", f"[x][{SECRET}]", f"{{#{SECRET}}}",
     f"[a]: http://x/{SECRET}", f"| a | `{SECRET}` |\n| - | - |\n| `{SECRET}` | b |", f'<div id="{SECRET}">\nx\n</div>']
)  # fmt: skip


@given(SOUP, st.integers(0, 20))
def test_length_and_line_breaks_are_kept_and_only_blanks_are_put_in(source: str, front: int) -> None:
    masked = mask(source, min(front, len(source)))
    assert len(masked.prose) == len(source)
    assert [m.span() for m in BREAKS.finditer(masked.prose)] == [m.span() for m in BREAKS.finditer(source)]
    assert all(new in (old, " ", FILLER) for old, new in zip(source, masked.prose, strict=True))


@given(st.lists(PROSE | CODE, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_nothing_inside_code_addresses_or_markup_is_left(blocks: list[str], ends: str, bom: bool) -> None:
    source = ("\ufeff" if bom else "") + "\n\n".join(blocks).replace("\n", ends)
    prose = mask(source).prose
    assert SECRET not in prose
    for word in ("Plain words", "quoted", "heading"):
        if word in source and not any(block.startswith("~~~") for block in blocks):
            assert prose.count(word) == source.count(word)


@given(st.lists(PROSE | CODE, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_covering_what_is_covered_changes_nothing(blocks: list[str], ends: str) -> None:
    prose = mask("\n\n".join(blocks).replace("\n", ends)).prose
    assert mask(prose).prose == prose


@given(SOUP, st.sampled_from(["markdown", "mdx"]))
def test_covered_ranges_are_in_order_apart_and_exactly_what_was_replaced(source: str, flavour: Flavour) -> None:
    masked = mask(source, flavour=flavour)
    spans = masked.covered
    assert all(a.end < b.start for a, b in pairwise(spans))
    inside = {i for span in spans for i in range(span.start, span.end)}
    assert {i for i, (a, b) in enumerate(zip(source, masked.prose, strict=True)) if a != b} <= inside
    assert all(masked.is_blanked(i, i + 1) == (i in inside) for i in range(len(source)))
    assert all(source[one.start : one.end] for one in masked.links if one.url)


@given(SOUP)
def test_every_offset_has_the_place_an_editor_shows(source: str) -> None:
    lines = Lines(source)
    for offset in range(len(source)):
        line, column = lines.position(offset)
        before = BREAKS.split(source[:offset])
        # In the middle of CR LF the line has not ended yet.
        if source[offset - 1 : offset + 1] != "\r\n":
            assert (line, column) == (len(before), len(before[-1]) + 1)
