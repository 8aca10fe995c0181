"""Characters as a reader counts them, in texts that are nothing but flags."""

from __future__ import annotations

import time

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import given, strategies

from steersman.content.publishing.graphemes import count, graphemes

_MIXED = strategies.text(alphabet="\U0001f1e9\U0001f1ea\U0001f1f0\u0301\u200da\u0600\U0001f468", max_size=80)
_RUN = strategies.integers(0, 70).map("\U0001f1e9".__mul__)


@given(strategies.tuples(_MIXED, _RUN, _MIXED, _RUN, _MIXED))
def test_long_runs_of_flags_are_cut_as_the_annex_cuts_them(parts: tuple[str, ...]) -> None:
    text = "".join(parts)
    assert graphemes(text) == regex.findall(r"\X", text)


@pytest.mark.parametrize("unit", ["\U0001f1e9", "\u0915\u094d", "\U0001f468\u200d", "e\u0301", "\u0600"])
def test_four_times_the_text_takes_about_four_times_as_long(unit: str) -> None:
    def seconds(times: int) -> float:
        # Of this thread alone: what else the machine does meanwhile is no matter of the text.
        began = time.thread_time()
        count(unit * times)
        return time.thread_time() - began

    count("x")
    # The square would be 16; a short one is measured as long at least, so that noise decides nothing.
    assert min(seconds(40_000) for _ in range(3)) < 10 * max(min(seconds(10_000) for _ in range(3)), 0.005)
