"""Profiles, distances and reasons: what is measured, when there is too little, and that nothing can stop a post."""

from __future__ import annotations

import random
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_content import a_draft, write_draft

from steersman.content.model.spans import paragraphs, sentences
from steersman.content.settings import QaSettings, VoiceSettings
from steersman.content.voice import Corpus, VoiceChecker, compare, features, profile
from steersman.content.voice.corpus import text_of
from steersman.content.voice.picture import bar, svg
from steersman.content.voice.profile import FEWEST_WINDOWS, distance

CALM = ("the price was calm and it did not move for most of the day", "i looked at it, and then i went for a walk")
LOUD = ("Stop!", "Do you really, honestly believe that?", "Nevertheless, institutional considerations predominate!")


def prose(phrases: tuple[str, ...], words: int, seed: int) -> str:
    """Return a text of about `words` words drawn from `phrases`, in paragraphs."""
    draw, made, size = random.Random(seed), [], 0
    while size < words:
        sentence = draw.choice(phrases)
        if sentence[-1].isalpha():
            sentence = " ".join(draw.choices(sentence.split(), k=draw.randint(8, 14))).capitalize() + "."
        made.append(sentence)
        size += len(sentence.split())
    return "\n\n".join(" ".join(made[i : i + 6]) for i in range(0, len(made), 6)) + "\n"


def vectors(text: str) -> tuple[tuple[float, ...], ...]:
    return text_of(a_draft(text)).vectors


def test_a_measure_counts_what_its_name_says() -> None:
    draft = a_draft("I can't stop, can I? It's Anna's book (mostly); we said: “wait”. Go on - now!\n")
    (spans,) = [list(sentences(draft.masked.prose, *p)) for p in paragraphs(draft)]
    measured = dict(zip(features.names(), features.measure(draft.masked.prose, spans), strict=True))
    words = 15
    assert measured["sentence_words"] == pytest.approx(words / 3)
    assert measured["contractions"] == pytest.approx(100 * 2 / words)  # can't, It's; Anna's is a possessive
    assert measured["questions"] == pytest.approx(100 / 3)
    assert measured["exclamations"] == pytest.approx(100 / 3)
    assert measured["first_person"] == pytest.approx(100 * 2 / words)
    assert measured["colons"] == pytest.approx(100 * 2 / words)
    assert measured["dashes"] == pytest.approx(100 / words)
    assert measured["quotes"] == pytest.approx(100 / words)
    assert measured["word:on"] == pytest.approx(1000 / words)


def test_windows_have_a_hundred_words_or_are_none() -> None:
    assert features.windows(a_draft(prose(CALM, 60, 1))) == []
    assert len(features.windows(a_draft(prose(CALM, 120, 1)))) == 1
    assert len(features.windows(a_draft(prose(CALM, 480, 1)))) == 3
    assert features.windows(a_draft("```\n" + "word " * 300 + "\n```\n")) == []


def test_own_text_sounds_like_the_author_and_a_strangers_does_not_with_reasons() -> None:
    own = profile("post", vectors(prose(CALM, 4000, 1)), words=4000)
    at_home = compare(vectors(prose(CALM, 500, 2)), own)
    strange = compare(vectors(prose(LOUD, 500, 2)), own)
    assert not at_home.is_unlike
    assert strange.is_unlike
    assert strange.nearer_ratio == 1.0
    assert strange.distance > at_home.distance
    assert len(strange.reasons) == 3
    assert all(abs(r.z) >= 1.5 and r.words.count(", yours ") == 1 for r in strange.reasons)
    # What a person can change comes before the rate of some small word.
    assert not strange.reasons[0].feature.startswith("word:")


def test_a_profile_needs_fifteen_hundred_words() -> None:
    few = vectors(prose(CALM, 900, 1))
    assert len(few) < FEWEST_WINDOWS
    with pytest.raises(ValueError, match="windows, 10 at least"):
        profile("post", few, words=900)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), st.lists(st.floats(0, 1e6), min_size=3, max_size=3))
def test_a_distance_is_between_zero_and_three_and_zero_at_home(vector: list[float], mean: list[float]) -> None:
    assert 0 <= distance(vector, mean, [1, 2, 3]) <= 3
    assert distance(mean, mean, [1, 2, 3]) == 0


def corpus(root: Path, *published: str, **settings: object) -> Corpus:
    return Corpus(root, QaSettings(), VoiceSettings(**settings), lambda: published)  # type: ignore[arg-type]  # from a test's keywords


def test_a_type_with_too_little_text_is_compared_with_all_of_it(tmp_path: Path) -> None:
    write_draft(tmp_path, "a.md", prose(CALM, 2500, 1), type="essay")
    write_draft(tmp_path, "b.md", prose(CALM, 300, 2), type="note")
    own = corpus(tmp_path, "content/a.md", "content/b.md")
    essay, note = own.profile("essay"), own.profile("note")
    assert essay is not None
    assert essay.type == "essay"
    assert note is not None
    assert note.type == ""
    without = own.profile("essay", without="content/a.md")
    assert without is None


def test_older_files_count_with_and_without_front_matter_and_broken_ones_are_named(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "plain.md").write_text(prose(CALM, 1700, 1), encoding="utf-8")
    (archive / "broken.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    own = corpus(tmp_path, corpus=("archive/*.md",))
    assert sorted(own.texts) == ["archive/plain.md"]
    assert [name for name, _ in own.skipped] == ["archive/broken.md"]
    assert own.profile("post") is not None


def test_the_check_points_at_the_part_that_is_unlike_and_is_silent_without_a_profile(tmp_path: Path) -> None:
    write_draft(tmp_path, "old.md", prose(CALM, 3000, 1))
    draft = a_draft(prose(CALM, 300, 5) + "\n" + prose(LOUD, 200, 6))
    found = VoiceChecker(corpus(tmp_path, "content/old.md")).check(draft)
    assert {f.rule for f in found} == {"UnlikeYou"}
    assert all(f.category == "voice" and "yours" in f.message for f in found)
    assert min(f.start for f in found) > draft.masked.source.index("Stop!") - 200 * 8
    assert VoiceChecker(corpus(tmp_path)).check(draft) == []
    german = a_draft(prose(LOUD, 300, 6), language="de")
    assert VoiceChecker(corpus(tmp_path, "content/old.md")).check(german) == []


def test_the_picture_is_whole_xml_and_shows_each_reason() -> None:
    own = profile("post", vectors(prose(CALM, 4000, 1)), words=4000)
    said = compare(vectors(prose(LOUD, 500, 2)), own)
    drawn = ElementTree.fromstring(svg(said.reasons, 'A "title" <b>'))  # noqa: S314 - our own picture, just drawn
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == len(said.reasons)
    assert drawn.attrib["aria-label"] == 'A "title" <b>'
    line = bar(said.reasons[0])
    assert len(line) == 40
    assert line.count("o") == 1
