"""Rules of the pulls that hold for every input: freshness, rates, eviction, keys and placeholders."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from steersman.services.pulls import placeholders
from steersman.services.pulls.asking import key
from steersman.services.pulls.frames import Stored, to_evict
from steersman.services.pulls.freshness import LONGEST_PAUSE_S, Terms, decide, may_stand_in, pause_s
from steersman.services.pulls.model import Param, Pull, Rate, Schema
from steersman.services.pulls.rate_log import Log, reserve

SPANS = st.floats(0, 1e6)
AGES = st.none() | st.floats(-100, 2e6)
TERMS = st.builds(
    Terms, ttl_s=SPANS, stale_while_revalidate_s=SPANS, stale_if_error_s=SPANS, max_age_s=st.none() | SPANS
)
TEXT = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"), max_size=40)


@given(age=AGES, terms=TERMS, must_wait=st.booleans())
def test_nothing_is_served_beyond_what_policy_allows(age: float | None, terms: Terms, must_wait: bool) -> None:
    step = decide(age, terms, must_wait=must_wait)
    if step in ("ask", "refuse"):
        return
    assert age is not None
    assert terms.max_age_s is None or age <= terms.max_age_s
    longest = {"fresh": 0.0, "stale": terms.stale_while_revalidate_s, "stale_on_error": terms.stale_if_error_s}
    assert age < terms.ttl_s + longest[step]


@given(age=AGES, terms=TERMS)
def test_upstream_is_never_asked_while_it_must_be_left_alone(age: float | None, terms: Terms) -> None:
    assert decide(age, terms, must_wait=True) != "ask"


@given(age=AGES, terms=TERMS)
def test_who_wants_it_new_is_never_served_what_is_stored(age: float | None, terms: Terms) -> None:
    new = Terms(
        ttl_s=terms.ttl_s,
        stale_while_revalidate_s=terms.stale_while_revalidate_s,
        stale_if_error_s=terms.stale_if_error_s,
        max_age_s=0.0,
    )
    assert decide(age, new, must_wait=False) == "ask"
    assert not may_stand_in(age, new)


@given(young=st.floats(0, 1e6), more=st.floats(0, 1e6), terms=TERMS)
def test_older_data_is_never_treated_better(young: float, more: float, terms: Terms) -> None:
    rank = {"fresh": 0, "stale": 1, "ask": 2}
    first, second = (rank[decide(age, terms, must_wait=False)] for age in (young, young + more))
    assert first <= second


@given(failures=st.integers(1, 10_000), roll=st.floats(0, 1))
def test_pauses_are_bounded(failures: int, roll: float) -> None:
    assert 0.5 <= pause_s(failures, roll) <= LONGEST_PAUSE_S


@given(
    calls=st.integers(1, 8),
    period=st.sampled_from([1, 60]),
    gaps=st.lists(st.integers(0, 30_000_000_000), min_size=1, max_size=60),
)
def test_no_stretch_of_the_period_holds_more_calls_than_the_rate(calls: int, period: int, gaps: list[int]) -> None:
    log, now, made = Log(), 10**18, []
    for gap in gaps:
        now += gap
        log, at = reserve(log, Rate(calls=calls, period_s=period), now, patience_ns=20_000_000_000)
        if at - now <= 20_000_000_000:
            made.append(at)
    made.sort()
    assert all(later - early >= period * 10**9 for early, later in zip(made, made[calls:], strict=False))


@given(sizes=st.lists(st.tuples(st.integers(1, 100), st.integers(0, 200), st.booleans())), need=st.integers(0, 300))
def test_eviction_makes_room_and_spares_what_was_just_handed_out(sizes: list[tuple[int, int, bool]], need: int) -> None:
    files = [
        Stored(path=Path(str(n)), size=size, used_at=used * 10**9, superseded=gone)
        for n, (size, used, gone) in enumerate(sizes)
    ]
    evicted = to_evict(files, need, 400, 200 * 10**9)
    by_path = {f.path: f for f in files}
    if evicted is None:
        return
    assert sum(f.size for f in files) - sum(by_path[p].size for p in evicted) + need <= 400
    assert all(by_path[p].used_at <= 170 * 10**9 for p in evicted)


@given(value=TEXT, other=TEXT)
def test_values_arrive_as_they_were_given_wherever_they_stand(value: str, other: str) -> None:
    template = "https://example.com/a/{one}/b?x={two}"
    if value in ("", ".", ".."):
        return
    url = placeholders.fill_url(template, {"one": value, "two": other}, {"more": value})
    parts = urlsplit(url)
    assert unquote(parts.path.split("/")[2]) == value
    assert parts.path.count("/") == 3
    query = parse_qs(parts.query, keep_blank_values=True)
    assert (query["x"], query["more"]) == ([other], [value])
    assert parts.netloc == "example.com"


@given(text=st.text(max_size=20))
def test_a_value_is_either_taken_as_it_is_or_refused(text: str) -> None:
    try:
        assert placeholders.canonical(text, "text") == text
    except ValueError:
        assert any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text)
    else:
        text.encode()


@given(number=st.integers(-(10**9), 10**9), zeros=st.integers(0, 3))
def test_a_question_has_one_key_however_it_is_spelled(number: int, zeros: int) -> None:
    pull = Pull(name="p", url="https://e.com/{n}", params={"n": Param(type="int")}, shape=Schema(format="csv"), ttl_s=1)
    sign = "-" if number < 0 else "+"
    spelled = f"{sign}{'0' * zeros}{abs(number)}"
    keys = {key(pull, placeholders.resolve_params(pull.params, {"n": text})) for text in (str(number), spelled)}
    assert len(keys) == 1
    assert keys != {key(pull, {"n": str(number + 1)})}


@given(a=st.dictionaries(TEXT, TEXT, max_size=4))
def test_the_order_of_parameters_does_not_matter_and_their_values_do_not_show(a: dict[str, str]) -> None:
    pull = Pull(name="p", url="https://e.com/", shape=Schema(format="csv"), ttl_s=1)
    assert key(pull, a) == key(pull, dict(reversed(a.items())))
    assert len(key(pull, a)) == len("p-") + 24
