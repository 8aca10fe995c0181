"""How long to wait before trying again, and what a script said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation.model.result import MAX_BYTES, parse_result
from steersman.automation.model.retry import JITTER_RATIO, MAX_DELAY_S, delay_s


@given(base=st.floats(0.1, 600), attempt=st.integers(1, 20), seed=st.text(max_size=5))
def test_exponential_delays_double_within_the_jitter_and_stop_at_the_limit(
    base: float, attempt: int, seed: str
) -> None:
    full = min(base * 2 ** (attempt - 1), MAX_DELAY_S)
    got = delay_s(an_automation(backoff="exponential", backoff_s=base), attempt, seed)
    assert full * (1 - JITTER_RATIO) <= got <= full


def test_a_fixed_delay_does_not_grow() -> None:
    job = an_automation(backoff="fixed", backoff_s=8.0)
    assert all(6.0 <= delay_s(job, attempt, "x") <= 8.0 for attempt in range(1, 10))


def test_no_backoff_means_at_once() -> None:
    assert delay_s(an_automation(backoff="none"), 3, "x") == 0.0


def test_the_same_run_waits_the_same_and_others_wait_differently() -> None:
    job = an_automation()
    assert delay_s(job, 1, "a") == delay_s(job, 1, "a")
    assert len({delay_s(job, 1, str(n)) for n in range(50)}) > 40


def test_the_last_result_line_counts() -> None:
    assert parse_result(b'::result {"n": 1}\nmore\n::result {"n": 2}\n') == ({"n": 2}, "")


def test_output_without_a_result_is_fine() -> None:
    assert parse_result(b"hello ::result {}\n") == (None, "")


def test_a_result_that_is_not_an_object_is_named() -> None:
    for raw in (b"::result 3", b"::result {", b"::result {\xff}", b"::result"):
        value, complaint = parse_result(raw + b" \n")
        assert value is None
        assert "not a JSON object" in complaint


def test_a_result_too_big_for_the_ledger_is_refused() -> None:
    value, complaint = parse_result(b'::result {"x": "' + b"y" * MAX_BYTES + b'"}')
    assert value is None
    assert f"allowed: {MAX_BYTES:,}" in complaint


def test_a_result_nested_without_end_is_named_and_breaks_nothing() -> None:
    value, complaint = parse_result(b"::result " + b'{"a":' * 5000 + b"1" + b"}" * 5000)
    assert value is None
    assert complaint.startswith("the ::result line is not a JSON object: ")
