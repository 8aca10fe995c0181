"""What each grammar covers, shown as the text that is left: a dot for what is covered, blanks for covered lines."""

from __future__ import annotations

import time

import pytest

from steersman.content.model.mask import FILLER, Flavour, mask


def left(source: str, flavour: Flavour = "markdown") -> str:
    return mask(source, flavour=flavour).prose.replace(FILLER, "·")


@pytest.mark.parametrize(
    ("source", "prose"),
    [
        # code and what is glued to it
        ("A `code`s and ``a ` b`` end", "A `····`· and ``·····`` end"),
        ("An \\`escaped` tick", "An \\`escaped` tick"),
        # formulas and money
        ("Take $x^2$th and $n$.", "Take ······· and ···."),
        ("It costs $5 and $6, or $7-$9.", "It costs $5 and $6, or $7-$9."),
        ("Pay $5 in cash and 6$ later", "Pay $5 in cash and 6$ later"),
        ("US$5 or $HOME/$PATH", "US$5 or $HOME/$PATH"),
        ("So \\(a+b\\) \\(see below\\) \\[note\\]", "So ······· \\(see below\\) \\[note\\]"),
        ("$$\n\\frac{a}{b}\n$$", "··\n···········\n··"),
        ("It is $$ here.\n\nAnd $$ there.", "It is $$ here.\n\nAnd $$ there."),
        ("\\begin{align}\na &= b\n\\end{align} so", "·············\n······\n··········· so"),
        # addresses, paths, names of machines
        ("See https://a.org/x_(y). And www.b.org, c@d.org!", "See ···················. And ·········, ·······!"),
        ("In src/x_y.py, ~/.config/a, ../b and x.toml", "In ··········, ···········, ···· and ······"),
        ("He and/or she; Node.js; 10:30:45", "He and/or she; Node.js; 10:30:45"),
        ("[t](http://x.org 'a b') ![alt](img.png)", "[t](··················) ![alt](·······)"),
        ("[a][lab]\n\n[lab]: http://x\n  'title'", "[a][···]\n\n···············\n·········"),
        ("[[Page]] [[Page|words]]", "[[····]] [[····|words]]"),
        ("Text[^1]\n\n[^1]: A note.", "Text[^·]\n\n····· A note."),
        ("Done :tada: :+1: {#id .c}", "Done ······ ···· ········"),
        # HTML
        ("caf&eacute; a&nbsp;b it&#39;s", "··········· a······b ········"),
        ("H<sub>2</sub>O <b>bold</b>", "·············· ···bold····"),
        ("a <code>teh</code> b <!-- teh --> c", "a ················ b ············ c"),
        ("<summary>Words</summary>", "·········Words··········"),
        ("<div>\n<script>\nteh\n</script>\n</div>", "·····\n········\n···\n·········\n······"),
        # templates
        ("A {{< a b='teh' >}} b {{% n %}} c {{% /n %}}", "A ················· b ········· c ··········"),
        ("{{< code a >}}\n\nteh\n\n{{< /code >}}\n\nText", "              \n\n   \n\n             \n\nText"),
        ("A {% if teh %}b{% endif %} {{ teh }}s", "A ············b··········· ··········"),
        ("{% raw %} teh {% endraw %} a", "·························· a"),
        ("`{{< highlight >}}` and {{< /highlight >}}", "`·················` and ··················"),
        ("A {{ that never ends", "A {{ that never ends"),
        # Markdown that stays
        ("- [x] a task\n- **bold** ~~gone~~", "- [x] a task\n- **bold** ~~gone~~"),
        ("| a | `b` |\n| - | - |\n| c | d |", "| a | `·` |\n| - | - |\n| c | d |"),
    ],
)  # fmt: skip
def test_what_is_no_prose_is_covered_and_the_rest_is_left(source: str, prose: str) -> None:
    assert left(source) == prose


@pytest.mark.parametrize(
    ("source", "prose"),
    [
        ("import A from 'teh'\nexport const b = 1\n\nText", "                   \n                  \n\nText"),
        ("We import goods.", "We import goods."),
        ("Hi {props.teh}, {/* don't */} bye", "Hi ···········, ············· bye"),
        ("<A b={c > d ? 'x' : \"y\"}>\n  Words *here*.\n</A>", "·························\n  Words *here*.\n····"),
        ("    not code {\n\ntext", "    not code {\n\ntext"),
        ("A `{teh` b}", "A `····` b}"),
    ],
)  # fmt: skip
def test_mdx_is_read_as_mdx(source: str, prose: str) -> None:
    assert left(source, "mdx") == prose


def test_links_are_noted_with_their_place_and_kind_outside_code_only() -> None:
    source = (
        "![a](b.png) [c](<d e> 't') https://f.org. `https://g.org` <https://h.org>\n\n<img src='i.png'>\n\n[j]: k\n"
    )
    links = mask(source).links
    assert [(one.url, one.is_image) for one in links] == [
        ("b.png", True), ("d e", False), ("https://f.org", False), ("https://h.org", False), ("i.png", True),
        ("k", False),
    ]  # fmt: skip
    assert all(source[one.start : one.end] == one.url for one in links)


def test_white_space_inside_code_is_covered_too() -> None:
    masked = mask("A `b  c` d  e")
    assert masked.is_blanked(4, 6)
    assert not masked.is_blanked(10, 12)


HOSTILE = {
    "ticks": "".join("`" * (i % 300) + " " for i in range(200)),
    "brackets": "[" * 6_000,
    "closings": "](" * 3_000,
    "angles": "<a " * 3_000,
    "braces": "{{" * 4_000,
    "tags": "{% raw %}" * 1_500,
    "dollars": "$a " * 3_000,
    "displays": "$$ " * 3_000,
    "escapes": "\\(" * 4_000,
    "entities": "a&amp;" * 1_500,
    "one word": "a" * 20_000,
    "paths": "a/" * 6_000,
    "mail": "a@" * 6_000,
    "elements": "<code>" * 2_000,
    "comments": "<!--" * 3_000,
    "instructions": "<?" * 3_000,
    "sections": "<![CDATA[" * 1_500,
    "quotes": "> " * 4_000,
    "items": "- " * 4_000,
    "attributes": '<a b="' * 2_000,
    "lines": "a\n" * 3_000,
}


@pytest.mark.serial
@pytest.mark.parametrize("flavour", ["markdown", "mdx"])
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_four_times_the_text_is_not_sixteen_times_the_work(kind: str, flavour: Flavour) -> None:
    def seconds(text: str) -> float:
        began = time.process_time()
        mask(text, flavour=flavour)
        return time.process_time() - began

    text = HOSTILE[kind]
    seconds(text)
    # The least of two: whatever else the machine does only adds. A square would be 16.
    small = max(min(seconds(text) for _ in range(2)), 0.004)
    assert min(seconds(text * 4) for _ in range(2)) / small < 10


def test_text_nested_deeper_than_any_parser_follows_is_still_covered() -> None:
    masked = mask("> " * 10_000 + "a `zq` b\n\n" + "".join("  " * i + f"- x `zq{i}`\n" for i in range(200)))
    assert "zq" not in masked.prose
