"""Merging findings: the order engines run in changes nothing, nothing kept overlaps, nothing is lost for nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from steersman.content.model.finding import Found, judge, merge, sentence_at
from steersman.content.model.lines import Lines

FOUND = st.builds(
    lambda start, length, rule, category, fix: Found(
        start=start, end=start + length, source="s", rule=rule, category=category, message="m", suggestions=fix
    ),
    st.integers(0, 30),
    st.integers(1, 8),
    st.sampled_from(["A", "B"]),
    st.sampled_from(["style", "spelling", "typo"]),
    st.sampled_from([(), ("x",)]),
)
TEXT = "It is a text. With sentences, and\r\n\r\nparagraphs 🎉 too."


def clash(one: Found, other: Found) -> bool:
    same = (one.start, one.end) == (other.start, other.end)
    return same or (one.category == other.category and one.start < other.end and other.start < one.end)


@given(st.lists(FOUND, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_engines_changes_nothing(found: list[Found], random: Random) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert merge(found, ("spelling",)) == merge(shuffled, ("spelling",))


@given(st.lists(FOUND, max_size=12))
def test_what_is_kept_does_not_clash_and_what_is_dropped_does(found: list[Found]) -> None:
    kept = merge(found, ("spelling",))
    assert not any(clash(one, other) for i, one in enumerate(kept) for other in kept[:i])
    assert all(any(clash(one, other) for other in kept) for one in found)


@given(st.lists(FOUND, max_size=12))
def test_fingerprints_are_unique_within_a_draft(found: list[Found]) -> None:
    prints = [f.fingerprint for f in judge("content/one.md", TEXT, Lines(TEXT), found, ())]
    assert len(prints) == len(set(prints))


@given(st.text(alphabet="ab. \n\r!🎉", max_size=40), st.data())
def test_the_sentence_holds_what_was_matched(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert " ".join(text[start:end].split()) in sentence_at(text, start, end)
