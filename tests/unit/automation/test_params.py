"""Values for parameters, and how they get into a command line."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.model.params import filled, resolved, variables

DECLARED: dict[str, str | int | float | bool] = {"days": 5, "share": 0.5, "symbol": "AAPL", "dry": True}


def test_what_is_not_given_is_as_declared() -> None:
    assert resolved(DECLARED, {"days": "7"}) == {"days": "7", "share": "0.5", "symbol": "AAPL", "dry": "true"}


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"day": "7"}, "there is no parameter 'day'; declared: days, share, symbol, dry"),
        ({"days": "7.5"}, "days: found '7.5', allowed: a whole number"),
        ({"share": "half"}, "share: found 'half', allowed: a number"),
        ({"dry": "yes"}, "dry: found 'yes', allowed: true or false"),
        ({"symbol": "A\0"}, "symbol: allowed is text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(given_: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        resolved(DECLARED, given_)


def test_braces_around_other_words_stay() -> None:
    assert filled("awk '{print $1}' ${HOME} {days}", {"days": "5"}) == "awk '{print $1}' ${HOME} 5"


@given(st.text(alphabet=st.characters(exclude_characters="\0", categories=("L", "N", "P", "S", "Z")), max_size=60))
def test_a_value_is_one_word_of_the_command_whatever_is_in_it(value: str) -> None:
    assert shlex.split(filled("x {a} y", {"a": value})) == ["x", value, "y"]


def test_values_stand_in_the_environment_too() -> None:
    assert variables({"days": "5"}) == {"STEERSMAN_PARAM_DAYS": "5"}
