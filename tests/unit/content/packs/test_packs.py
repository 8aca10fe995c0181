"""House-style packs: what each rule finds and leaves alone, and how a wrong pack is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft

from steersman.content.model.draft import Draft
from steersman.content.model.spans import sentences
from steersman.content.qa.packs import Earlier, PackChecker, load, ready_names
from steersman.content.qa.packs.likeness import runs
from steersman.content.qa.packs.readability import flesch_kincaid, syllables
from steersman.content.qa.packs.reading import parse
from steersman.kernel.errors import Misconfigured

GOOD = {
    "title": "A title of some length",
    "summary": "What the piece is about, said in one full sentence.",
    "tags": "[a]",
}


def flagged(pack: str, body: str = "Some words.\n", /, **fields: object) -> list[tuple[str, str]]:
    """Return (rule, matched text) of what a pack of these lines finds."""
    draft = a_draft(body, **{**GOOD, **fields})
    checker = PackChecker([parse(f'[pack]\nname = "t"\n{pack}\n', name="t.toml")])
    return [(f.rule, draft.masked.source[f.start : f.end]) for f in checker.check(draft)]


@pytest.mark.parametrize(
    ("pack", "body", "expected"),
    [
        (
            '[terms]\n"GitHub" = ["Git hub"]',
            "On github and Git hub, not GitHub.\n",
            [("Term", "github"), ("Term", "Git hub")],
        ),
        ('[terms]\n"backtest" = []', "Backtest it. A BACKTEST.\n", [("Term", "BACKTEST")]),
        ('[banned]\n"in order to" = "to"', "In order\nto win, do it.\n", [("BannedPhrase", "In order\nto")]),
        ('[banned]\n"can\'t lose" = []', "You can’t lose.\n", [("BannedPhrase", "can’t lose")]),
        ("[headings]\nmax_depth = 2", "## One\n\n### Two\n", [("HeadingTooDeep", "### Two")]),
        ("[headings]\nfull_stop = false", "## One.\n\n## And so on...\n", [("HeadingFullStop", "## One.")]),
        ("[headings]\nunique = true", "## One\n\n## Two\n\n## one\n", [("HeadingTwice", "## one")]),
        (
            '[headings]\ncase = "sentence"',
            "## How We Make Better Tools\n\n## How we use GitHub\n",
            [("HeadingCase", "## How We Make Better Tools")],
        ),
        ("[links]\nhttps = true", "See [a page](http://example.com/a).\n", [("InsecureLink", "http://example.com/a")]),
        ("[images]\nmax_alt = 5", "![A long text](https://x.org/a.png)\n", [("AltTooLong", "A long text")]),
        ("[images]\nmin_alt = 5", "![So](https://x.org/a.png)\n", [("AltTooShort", "So")]),
        (
            "[images]\nsays_image = false",
            "![An image of it](https://x.org/a.png)\n",
            [("AltSaysImage", "An image of it")],
        ),
        (
            "[numbers]\nsource = true",
            "Traders lose 80% of it. Studies show that.\n",
            [("NumberWithoutSource", "80%"), ("ClaimOfNobody", "Studies show")],
        ),
        (
            "[numbers]\nsource = true",
            "It is 3x faster and cost $5 million.\n",
            [("NumberWithoutSource", "3x"), ("NumberWithoutSource", "$5 million")],
        ),
        (
            "[readability]\nmax_sentence_words = 4",
            "One two three four. One two three four five.\n",
            [("LongSentence", "One two three four five")],
        ),
        (
            "[readability]\nmax_paragraph_words = 3",
            "One two three.\n\nOne two, three four.\n",
            [("LongParagraph", "One two, three four")],
        ),
    ],
)
def test_a_pack_finds(pack: str, body: str, expected: list[tuple[str, str]]) -> None:
    assert flagged(pack, body) == expected


@pytest.mark.parametrize(
    ("pack", "body"),
    [
        (
            '[terms]\n"GitHub" = []',
            "`github`, <https://github.com>, [it](https://github.com/a), GitHub-based.\n",
        ),
        ('[banned]\n"risk" = []', "A risky, risk-free trade; `risk`.\n"),
        ("[links]\nhttps = true", "`[a](http://x.org)` and [local](http://127.0.0.1:8787/) and <http://x.org>.\n"),
        ("[numbers]\nsource = true", "Traders lose 80% of it, [says the regulator](https://x.org).\n"),
        ("[numbers]\nsource = true", "I lost 12% that year. Our costs fell by 30 percent.\n"),
        ("[numbers]\nsource = true", "In 2026, at 9:30, version 3.2 had 12 files in 4 folders.\n"),
        ("[numbers]\nsource = true", "It rose by 5%.[^1]\n\n[^1]: The exchange.\n"),
        ("[numbers]\nsource = true", "| a |\n| - |\n| 80% |\n"),
        ("[headings]\nmax_depth = 3\nunique = true", "```\n#### Not a heading\n```\n"),
        ("[readability]\nmax_sentence_words = 7", "See e.g. the U.S. market. It is open, i.e. busy.\n"),
    ],
)
def test_a_pack_leaves_alone(pack: str, body: str) -> None:
    assert flagged(pack, body) == []


@pytest.mark.parametrize(
    ("pack", "fields", "expected"),
    [
        ("[title]\nmax_length = 10", {}, ("TitleTooLong", "title: A title of some length")),
        ("[title]\nmin_length = 30", {}, ("TitleTooShort", "title: A title of some length")),
        ("[title]\nfull_stop = false", {"title": "It ends."}, ("TitleFullStop", "title: It ends.")),
        ('[title]\ncase = "title"', {"title": "How we Trade"}, None),
        ('[title]\ncase = "title"', {"title": "How To trade it"}, ("TitleCase", "title: How To trade it")),
        (
            "[summary]\nmax_length = 10",
            {"summary": "Longer than ten."},
            ("SummaryTooLong", "summary: Longer than ten."),
        ),
        ('[front_matter]\nrequired = ["tags"]', {"tags": None}, ("MissingField", "---")),
        ('[front_matter]\nrequired = ["summary"]', {"summary": None}, ("MissingField", "---")),
    ],
)
def test_a_pack_reads_the_front_matter(pack: str, fields: dict[str, object], expected: tuple[str, str] | None) -> None:
    assert flagged(pack, **fields) == ([expected] if expected else [])


def test_what_to_write_instead_keeps_its_capital() -> None:
    draft = a_draft("Prior to that, utilize it.\n", **GOOD)
    found = PackChecker([load("plain", Path())]).check(draft)
    assert [(f.rule, f.suggestions) for f in found] == [("BannedPhrase", ("Before",)), ("BannedPhrase", ("use",))]


def test_the_later_pack_wins_and_one_objection_is_said_once() -> None:
    first = parse('[pack]\nname = "a"\n[banned]\n"stock" = "share"\n[headings]\nmax_depth = 2\n', name="a.toml")
    second = parse('[pack]\nname = "b"\n[banned]\n"stock" = "equity"\n[headings]\nmax_depth = 2\n', name="b.toml")
    draft = a_draft("### A stock\n", **GOOD)
    found = PackChecker([first, second]).check(draft)
    assert sorted((f.rule, f.suggestions) for f in found) == [("BannedPhrase", ("equity",)), ("HeadingTooDeep", ())]


def earlier(draft: Draft, name: str = "content/old.md", title: str = "another") -> Earlier:
    return Earlier(name=name, title=title, runs=runs(draft))


def test_a_post_that_repeats_an_earlier_one_is_named_with_it() -> None:
    words = " ".join(f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(80))
    old = a_draft(f"{words}.\n", **GOOD)
    again = a_draft(f"Something new first, in a sentence of its own. {words}.\n", **GOOD)
    pack = parse('[pack]\nname = "t"\n[duplicates]\nshared_ratio = 0.5\n', name="t.toml")
    found = PackChecker([pack], earlier=lambda: [earlier(old)]).check(again)
    assert [f.rule for f in found] == ["Duplicate"]
    assert "content/old.md" in found[0].message
    same_file = PackChecker([pack], earlier=lambda: [earlier(old, name="content/one.md")])
    assert same_file.check(again) == []
    other = PackChecker([pack], earlier=lambda: [earlier(a_draft("Quite other words.\n", **GOOD))])
    assert other.check(again) == []
    titled = PackChecker([pack], earlier=lambda: [earlier(a_draft("Else.\n"), title="a title of some length")])
    assert [f.rule for f in titled.check(again)] == ["TitleTaken"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[pack]\nname = 3\n", "t.toml:2: pack.name: expected `str`"),
        ("[pack]\nname = 't'\n[titel]\nmax = 3\n", "titel: unknown field"),
        ("[pack]\nname = 't'\n[headings]\nmax_depth = 1\n", "t.toml:4: headings.max_depth: found 1, allowed: 2 to 6"),
        ("[pack]\nname = 't'\n[title]\nmax_length = -1\n", "t.toml:4: title.max_length: found -1"),
        ("[pack]\nname = 't'\n[summary]\nmin_length = 9\nmax_length = 5\n", "found 9, above max_length 5"),
        ("[pack]\nname = 't'\n[front_matter]\nrequired = ['tittle']\n", "found 'tittle', allowed: title,"),
        ("[pack]\nname = 't'\n[duplicates]\nshared_ratio = 30\n", "found 30"),
        ("[pack]\nname = 't'\n[terms]\n'a' = ['a']\n", "allowed: wrong ways to write 'a'"),
        ("[pack]\nname = 't'\n[banned]\n' ' = ''\n", "found an empty phrase"),
        ("[pack\n", "t.toml: not valid TOML"),
    ],
)
def test_a_wrong_pack_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse(text, name="t.toml")
    assert says in str(refused.value)
    assert refused.value.fix


def test_packs_are_ready_or_files_of_the_workspace(tmp_path: Path) -> None:
    assert ready_names() == ["markets", "plain"]
    for name in ready_names():
        assert load(name, tmp_path).pack.name == name
    (tmp_path / "own.toml").write_text('[pack]\nname = "own"\n', encoding="utf-8")
    assert load("own.toml", tmp_path).pack.name == "own"
    for wrong, says in (
        ("fancy", "ready ones: markets, plain"),
        ("gone.toml", "packs --show"),
        ("../x.toml", "copy it"),
    ):
        with pytest.raises(Misconfigured) as refused:
            load(wrong, tmp_path)
        assert says in refused.value.fix
    (tmp_path / "odd.toml").write_bytes(b"[pack]\nname = '\xff'\n")
    with pytest.raises(Misconfigured, match="byte 15 is not UTF-8"):
        load("odd.toml", tmp_path)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cat", 1),
        ("make", 1),
        ("table", 2),
        ("reader", 2),
        ("wanted", 2),
        ("walked", 1),
        ("syllables", 3),
        ("rhythm", 1),
        ("tsk", 1),
    ],
)
def test_syllables_are_about_right(word: str, expected: int) -> None:
    assert syllables(word) == expected


def test_the_grade_is_kincaids() -> None:
    # 100 words, 5 sentences, 150 syllables: 0.39 * 20 + 11.8 * 1.5 - 15.59
    assert flesch_kincaid(100, 5, 150) == pytest.approx(9.91)


@given(st.text(alphabet=st.sampled_from("ab .!?\n\"'()e.gi🙂é"), max_size=200))
def test_sentences_never_overlap_and_lose_no_word(text: str) -> None:
    spans = list(sentences(text, 0, len(text)))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    kept = set().union(*(range(*span) for span in spans)) if spans else set()
    assert {i for i, c in enumerate(text) if not c.isspace()} <= kept


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300))  # NUL: no draft
def test_no_text_breaks_a_pack(text: str) -> None:
    body = text.encode("utf-8", "ignore").decode()
    draft = a_draft(body, **GOOD)
    for found in PackChecker([load("plain", Path()), load("markets", Path())]).check(draft):
        assert 0 <= found.start < found.end <= len(draft.masked.source)
