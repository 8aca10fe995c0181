"""What several engines say, and what of it is worth saying."""

from __future__ import annotations

import pytest
from tests.builders_content import a_draft

from steersman.content.model.finding import Found, judge
from steersman.content.qa.consensus import Policy, agreed
from steersman.content.qa.vocabulary import Vocabulary, is_name, token_at

BOTH = frozenset({"house", "harper", "lingotweaker"})
ONE = frozenset({"house", "harper"})


def says(
    body: str, word: str, rule: str, source: str = "harper", category: str = "spelling", **fields: object
) -> Found:
    draft = a_draft(body)
    start = draft.masked.source.index(word, draft.body_start)
    return Found(start=start, end=start + len(word), source=source, rule=rule, category=category, message="", **fields)  # type: ignore[arg-type]


def left(
    body: str, *found: Found, ran: frozenset[str] = BOTH, words: Vocabulary | None = None, **policy: object
) -> list[str]:
    draft = a_draft(body)
    kept = agreed(found, draft, ran=ran, policy=Policy(**policy), words=words or Vocabulary())  # type: ignore[arg-type]
    return [one.rule for one in kept]


def test_with_two_engines_a_capitalised_unknown_word_needs_both() -> None:
    body = "We met Gerganov there.\n"
    harper = says(body, "Gerganov", "SpellCheck")
    rules = says(body, "Gerganov", "MORFOLOGIK_RULE_EN_US", "lingotweaker")
    assert left(body, harper) == []
    assert left(body, rules) == []
    assert left(body, harper, rules) == ["SpellCheck", "MORFOLOGIK_RULE_EN_US"]
    assert left(body, harper, ran=ONE) == ["SpellCheck"]


def test_for_a_small_word_the_larger_word_list_is_enough() -> None:
    body = "The adaptor is enums.\n"
    assert left(body, says(body, "adaptor", "SpellCheck")) == ["SpellCheck"]
    assert left(body, says(body, "enums", "MORFOLOGIK_RULE_EN_US", "lingotweaker")) == []


def test_an_article_needs_both_and_one_engine_is_silent_before_a_name() -> None:
    body = "It is a SQLite file, and a hour passed.\n"
    sqlite = says(body, "a", "AnA", category="miscellaneous")
    hour_at = a_draft(body).masked.source.index("a hour")
    hour = Found(start=hour_at, end=hour_at + 1, source="harper", rule="AnA", category="miscellaneous", message="")
    assert left(body, sqlite, hour, ran=ONE) == ["AnA"]
    assert left(body, hour) == []


def test_the_words_of_the_author_are_theirs_in_any_form_and_in_no_part() -> None:
    body = "Datasettes and ripgrep's and the configurtions.\n"
    words = Vocabulary(("datasette", "ripgrep", "config", "ons"))
    found = [says(body, w, "SpellCheck") for w in ("Datasettes", "ripgrep's", "configurtions")]
    assert left(body, *found, ran=ONE, words=words) == ["SpellCheck"]


def test_a_known_word_in_the_wrong_case_is_still_said() -> None:
    body = "We use unicode here.\n"
    words = Vocabulary(("Unicode",))
    assert left(body, says(body, "unicode", "SpellCheck", suggestions=("Unicode",)), ran=ONE, words=words) == [
        "SpellCheck"
    ]


def test_rules_measured_to_be_noise_are_off_until_asked_for_and_house_rules_never_are() -> None:
    body = "All of the words.\n"
    noise = says(body, "All of the", "CondenseAllThe", category="redundancy")
    taste = says(body, "words", "Anything", category="style")
    house = says(body, "words", "VagueLink", "house", category="style")
    assert left(body, noise, taste, house) == ["VagueLink"]
    assert left(body, noise, taste, on=frozenset({"CondenseAllThe", "style"})) == ["CondenseAllThe", "Anything"]
    assert left(body, noise, on=frozenset({"CondenseAllThe"}), off=frozenset({"redundancy"})) == []


def test_a_name_that_the_draft_uses_again_is_a_name() -> None:
    once, twice = "Then Protomaps came.\n", "Then Protomaps came. Protomaps stayed.\n"
    assert left(once, says(once, "Protomaps", "SpellCheck"), ran=ONE) == ["SpellCheck"]
    assert left(twice, says(twice, "Protomaps", "SpellCheck"), ran=ONE) == []


@pytest.mark.parametrize(
    ("text", "word", "is_one"),
    [
        ("see src/main.rs there", "rs", True),
        ("a snake_case word", "snake", True),
        ("my PMTiles file", "PMTiles", True),
        ("python3 here", "python3", True),
        ("use yt-dlp now", "yt", True),
        ("one state-of-the-atr thing", "atr", True),
        ("press npx now", "npx", True),
        ("and thn it", "thn", False),
        ("a re-calcualted sum", "calcualted", False),
        ("the verison.", "verison", False),
        ("Teh end", "Teh", False),
    ],
)
def test_what_looks_like_a_name_is_told_from_what_looks_like_a_slip(text: str, word: str, is_one: bool) -> None:
    at = text.index(word)
    assert is_name(token_at(text, at, at + len(word)), word) is is_one


def test_a_word_becomes_the_authors_with_its_second_post_and_never_by_its_own_draft() -> None:
    words = Vocabulary(posts=2)
    words.learn("one.md", "We like symbex.")
    words.learn("one.md", "We like symbex, symbex, symbex.")
    assert not words.knows("symbex")
    words.learn("two.md", "Symbex again.")
    assert words.knows("symbex")
    assert not words.knows("symbex", but="two.md")
    assert not Vocabulary(posts=0).knows("symbex")


@pytest.mark.parametrize("slip", ["thats", "youd", "valuess"])
def test_a_lost_apostrophe_or_a_doubled_ending_is_no_form_of_a_word(slip: str) -> None:
    words = Vocabulary(posts=1)
    words.learn("one.md", "that you values value")
    assert not words.knows(slip)


def test_a_misspelt_name_of_the_author_is_no_new_name() -> None:
    words = Vocabulary(posts=2)
    for post in ("one.md", "two.md"):
        words.learn(post, "Datasette is here.")
    assert words.name_like("Djatasette") == "Datasette"
    assert words.name_like("Datasettes") == ""
    body = "The Djatasette one. Djatasette again.\n"
    assert left(body, says(body, "Djatasette", "SpellCheck"), ran=ONE, words=words) == ["SpellCheck"]


def test_two_engines_that_say_the_same_are_one_finding_that_is_surer() -> None:
    body = "A verison.\n"
    draft = a_draft(body)
    one = says(body, "verison", "SpellCheck", confidence=0.8, suggestions=("version",))
    two = says(body, "verison", "MORFOLOGIK_RULE_EN_US", "lingotweaker", confidence=0.8)
    for order in ([one, two], [two, one]):
        (finding,) = judge(draft.name, draft.masked.source, draft.masked.lines, order, ("spelling",))
        assert (finding.rule, finding.source, finding.also) == ("SpellCheck", "harper", ("lingotweaker",))
        assert finding.confidence == pytest.approx(0.96)
