"""A replay shows everything in the order of time, and counts what was met before."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from steersman.content.model.fix import Contestant, Document, Edit, Fix, Flag, Round
from steersman.content.replay.classes import kind_of, known_words
from steersman.content.replay.corpus import Corpus, read_corpus
from steersman.content.replay.history import Bounds, edits_between, read_history
from steersman.content.replay.intervals import rate, wilson
from steersman.content.replay.run import replay
from steersman.content.replay.score import pooled, score
from steersman.kernel.errors import Misconfigured


def edit(old: str, new: str) -> Edit:
    return Edit(start=0, end=len(old), old=old, new=new)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("verison", "version", "spelling"),
        ("Tthis", "This", "spelling"),
        ("form", "from", "real-word"),
        ("yen", "yet", "spelling"),
        ("big", "bug", "real-word"),
        ("founds", "finds", "spelling"),
        ("venue", "venues", "agreement"),
        ("", ",", "punctuation"),
        ("don't", "don’t", "punctuation"),
        ("human readable", "human-readable", "punctuation"),
        ("hashmap", "hash map", "punctuation"),
        ("rust", "Rust", "case"),
        ("the", "", "function-word"),
        ("a", "an", "function-word"),
        ("need", "want", "wording"),
        ("`code`", "code", "wording"),
        ("6-2", "6-3", "wording"),
        ("x" * 4000, "x" * 3999, "wording"),
    ],
)  # fmt: skip
def test_edits_are_told_apart_by_their_words(old: str, new: str, kind: str) -> None:
    known = known_words(["big venue", "Big venue need", "form of big", "venue form"])
    assert kind_of(edit(old, new), known) == kind


def test_intervals_are_those_of_the_books() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert rate(10) == pytest.approx((4.79, 18.39), abs=0.02)
    assert rate(0)[0] == 0.0
    assert rate(0)[1] == pytest.approx(3.69, abs=0.1)


class Scripted:
    """Flags given words, and remembers what it was shown."""

    def __init__(self, words: dict[str, float]) -> None:
        self.name = "scripted"
        self._words = words
        self.shown: list[str] = []

    def flags(self, doc: str, text: str) -> list[Flag]:
        self.shown.append(f"reads {text}")
        return [
            Flag(start=text.index(w), end=text.index(w) + len(w), rule="r", confidence=c, suggestions=(w[1:],))
            for w, c in self._words.items()
            if w in text
        ]

    def fixed(self, round_: Round, flags: Sequence[Sequence[Flag]]) -> None:
        self.shown.append(f"learns {round_.commit}")

    def begin_published(self) -> None:
        self.shown.append("published")

    def published(self, document: Document, flags: Sequence[Sequence[Flag]]) -> None:
        self.shown.append(f"learns {document.name}")


def a_fix(before: str, old: str, new: str) -> Fix:
    at = before.index(old)
    after = before[:at] + new + before[at + len(old) :]
    return Fix(doc="d", before=before, after=after, edits=(Edit(start=at, end=at + len(old), old=old, new=new),))


def a_corpus() -> Corpus:
    rounds = [
        Round(commit="1", at=1, message="", fixes=(a_fix("xteh one", "xteh", "teh"),)),
        Round(
            commit="2", at=2, message="", fixes=(a_fix("two yfrom", "yfrom", "from"), a_fix("znot it", "znot", "not"))
        ),
        Round(commit="3", at=3, message="", fixes=(a_fix("one wrogn", "wrogn", "wrong"),)),
    ]
    documents = [
        Document(name="a.md", paragraphs=("xteh " + "word " * 99,)),
        Document(name="b.md", paragraphs=("word " * 100,)),
    ]
    return Corpus(name="c", rounds=tuple(rounds), documents=tuple(documents))


def test_nobody_is_shown_a_later_commit_before_an_earlier_one_is_learned() -> None:
    scripted = Scripted({})
    replay(a_corpus(), [scripted], lambda *_: None)
    steps = [s for s in scripted.shown if not s.startswith("reads word") and not s.startswith("reads xteh word")]
    assert steps == [
        "reads xteh one", "learns 1", "reads two yfrom", "reads znot it", "learns 2", "reads one wrogn", "learns 3",
        "published", "learns a.md", "learns b.md",
    ]  # fmt: skip


def test_recall_alarms_and_rounds_are_counted_as_they_stand() -> None:
    (played,) = replay(a_corpus(), [Scripted({"xteh": 0.9, "yfrom": 0.5, "znot": 0.5})], lambda *_: None)
    whole = score(played)
    assert (whole.recall["mistakes"].count, whole.recall["mistakes"].of) == (3, 4)
    assert whole.flags_per_1000.value == pytest.approx(5.0)
    assert (whole.exact.value, whole.rounds.value) == (1.0, 2 / 3)
    later = score(played, "later")
    assert (later.recall["mistakes"].count, later.recall["mistakes"].of) == (1, 2)
    assert later.flags_per_1000.value == 0.0
    assert score(pooled([played, played])).rounds.of == 6


def test_at_a_budget_the_surest_flags_are_kept_and_ties_share_what_room_is_left() -> None:
    (played,) = replay(a_corpus(), [Scripted({"xteh": 0.5, "yfrom": 0.9, "znot": 0.5})], lambda *_: None)
    assert score(played).recall_at == {"5": 0.75, "10": 0.75}
    (tight,) = replay(
        Corpus(
            name="c", rounds=a_corpus().rounds, documents=(Document(name="a", paragraphs=("xteh " + "word " * 49,)),)
        ),
        [Scripted({"xteh": 0.5, "yfrom": 0.9, "znot": 0.5})],
        lambda *_: None,
    )
    assert score(tight).recall_at["5"] == pytest.approx((1 + 2 * 0.25) / 4)


def row(**fields: Any) -> str:
    given = {"committed_at": "2024-01-02T00:00:00Z", "commit": "c", "before": "a teh b", "after": "a the b",
             "edits": [{"start": 2, "end": 5, "old": "teh", "new": "the"}], "message": "m"}  # fmt: skip
    return json.dumps({**given, **fields})


def test_a_file_of_edits_is_put_in_order_and_a_line_fixed_twice_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "x_edits.jsonl"
    again = {"before": "a the b", "after": "a the c", "commit": "d", "committed_at": "2024-02-02T00:00:00+05:00"}
    path.write_text(f"{row(**again)}\n\n{row()}\n", encoding="utf-8")
    (tmp_path / "x_clean.jsonl").write_text('{"file": "f", "text": "one"}\n{"file": "f", "text": "two"}\n')
    corpus = read_corpus(path)
    assert [r.commit for r in corpus.rounds] == ["c", "d"]
    assert corpus.rounds[1].texts == (("c", "a the c"),)
    assert corpus.documents == (Document(name="f", paragraphs=("one", "two")),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2: Input data was truncated"),
        ('{"a": 1}', "missing required field `committed_at`"),
        (row(committed_at="2024-01-02T00:00:00"), "committed_at has no zone"),
        (row(edits=[{"start": 2, "end": 99, "old": "", "new": ""}]), "outside `before`"),
        (row(edits=[{"start": 5, "end": 2, "old": "", "new": ""}]), "outside `before`"),
        ('"\ud800"', ":2:"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_edit_is_refused_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "x_edits.jsonl"
    path.write_bytes(f"{row()}\n{line}\n".encode("utf-8", "surrogatepass"))
    with pytest.raises(Misconfigured) as refused:
        read_corpus(path)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("One teh two.", "One the two.", [("teh", "the")]),
        ("One two.", "One big two.", [("", "big")]),
        ("One big two.", "One two.", [("big", "")]),
        ("Same words here.", "Same  words here.", []),
        ("All of it new now.", "Nothing stays as before!", []),
        ("| a teh | b |", "| a the | b |", []),
        ("A link [x](\u00a0\u00a0) here.", "A link here.", []),
        ("😀 teh two words.", "😀 the two words.", [("teh", "the")]),
    ],
)
def test_places_that_changed_in_a_line_are_found_word_by_word(
    before: str, after: str, edits: list[tuple[str, str]]
) -> None:
    found = edits_between(before, after)
    assert [(e.old, e.new) for e in found] == edits
    assert all(before[e.start : e.end] == e.old for e in found)


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def a_repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    body = "---\ntitle: Teh title\n---\n\n# One\n\nThis is teh first paragraph of it.\n\n```\nteh code\n```\n"
    for number, text in enumerate(
        (
            body,
            body.replace("teh code", "the code"),
            body.replace("is teh", "is the"),
            body + "\nMore words came along here.\n",
        )
    ):
        (folder / "Ünï code.md").write_text(text, encoding="utf-8")
        (folder / "b.txt").write_text(text, encoding="utf-8")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", f"commit {number}")
    return folder


def test_any_git_repository_gives_its_fixes_of_prose_and_none_of_code(tmp_path: Path) -> None:
    corpus = read_history(a_repository(tmp_path / "r"), Bounds(), lambda *_: None)
    fixes = [(f.doc, f.before, [(e.old, e.new) for e in f.edits]) for r in corpus.rounds for f in r.fixes]
    assert ("Ünï code.md", "This is teh first paragraph of it.", [("teh", "the")]) in fixes
    assert not [f for f in fixes if "code" in f[1]]
    assert [d.name for d in corpus.documents] == ["Ünï code.md"]
    assert [r.at for r in corpus.rounds] == sorted(r.at for r in corpus.rounds)
    assert len(read_history(tmp_path / "r", Bounds(commits=1), lambda *_: None).rounds) == 1


def test_a_folder_without_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no history to replay"):
        read_history(tmp_path, Bounds(), lambda *_: None)
    git(tmp_path, "init", "-q")
    with pytest.raises(Misconfigured, match="no history to replay"):
        read_history(tmp_path, Bounds(), lambda *_: None)


def test_contestants_keep_to_the_protocol() -> None:
    contestant: Contestant = Scripted({})
    assert contestant.name == "scripted"
