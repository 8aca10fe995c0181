"""Text that is appended to steersman.toml reads back as what was meant."""

from __future__ import annotations

import shlex
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.adopt.manifest_text import appended, diff, quoted, span
from steersman.automation.adopt.naming import name_from, unique
from steersman.automation.adopt.shell_text import join
from steersman.automation.settings import _NAME
from steersman.kernel.durations import seconds

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_quoted_text_is_read_back(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text.replace("\r\n", "\n") or "\r" in text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_joined_words_are_parted_into_the_same_words(words: list[str]) -> None:
    assert shlex.split(join(words)) == words


@given(st.integers(1, 7 * 86_400))
def test_a_span_means_its_seconds(whole: int) -> None:
    assert seconds(span(whole)) == whole


@pytest.mark.parametrize(("value", "text"), [(5400, "1h30m"), (0.1, "100ms"), (90.5, "90500ms"), (86_400, "1d")])
def test_spans_are_short(value: float, text: str) -> None:
    assert span(value) == text


@given(st.text(), st.sets(st.text(max_size=5)))
def test_every_label_gives_a_valid_name_that_is_free(label: str, taken: set[str]) -> None:
    name = name_from(label)
    assert _NAME.fullmatch(name)
    other = unique(name, taken | {name})
    assert _NAME.fullmatch(other)
    assert other not in taken | {name}


def test_names_follow_their_scripts() -> None:
    labels = ("pull_prices", "PullPrices", "2fa-sync", "über", "a.b c", "___", "x" * 60)
    names = [name_from(label) for label in labels]
    assert names == ["pull_prices", "pull_prices", "job_2fa-sync", "ber", "a_b_c", "job", "x" * 40]


def test_line_ends_of_the_file_are_kept_and_no_proposal_changes_nothing() -> None:
    assert appended("[desk]\r\n", [], title="x") == "[desk]\r\n"
    assert diff("a\n", "a\n", name="steersman.toml") == ""
    assert diff("a", "a\nb\n", name="t").splitlines()[3:] == ["-a", "\\ No newline at end of file", "+a", "+b"]
