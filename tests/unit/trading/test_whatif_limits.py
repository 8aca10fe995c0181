"""Which limits a replay tries: what a file may name, and what every verdict would have met."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.builders_desk import CATALOGUE

from steersman.kernel.errors import Misconfigured
from steersman.kernel.fixed import to_nano
from steersman.policy import PolicyActivated
from steersman.trading.whatif.alternative import Policies, Scope, read_changes

KNOWN = {"strategy": {"trend", "gone"}, "instrument": {"IBM"}, "venue": {"paper"}}


def changes(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "other.toml").write_text(text, encoding="utf-8")
    return read_changes(tmp_path / "other.toml", CATALOGUE, known=KNOWN)


def a_scope(version: int = 1, *, strategy: str = "trend", approved: bool = False) -> Scope:
    return Scope(version=version, strategy=strategy, instrument="IBM", venue="paper", approved=approved)


def policies(
    versions: dict[int, dict[str, str]], tried: dict[str, str] | None = None, *, defaults: bool = False
) -> Policies:
    activated = {
        version: PolicyActivated(version=version, values=values, changed={}, reason="", source="")
        for version, values in versions.items()
    }
    return Policies(activated, tried or {}, CATALOGUE, defaults=defaults)


def test_a_file_names_limits_and_overrides(tmp_path: Path) -> None:
    found = changes(tmp_path, "[policy.trading]\nmax_qty = 5\n[policy.trading.strategy.gone]\nmax_notional = 100\n")
    assert found == {"trading.max_qty": "5", "trading.max_notional@strategy:gone": "100"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy.trading]\nmax_qtty = 5\n", ("other.toml:2", "policy.trading.max_qtty", "unknown", "max_qty")),
        ("[policy.trading]\n\nmax_qty = -5\n", ("other.toml:3", "policy.trading.max_qty", "found -5", "at least 0")),
        ('[policy.trading]\nmax_drawdown = "a lot"\n', ("other.toml:2", "found 'a lot'", "from 0 to 1")),
        ("[policy.trading.strategy.trnd]\nmax_qty = 5\n", ("other.toml:1", "no strategy", "declared: gone, trend")),
        ("[desk]\nname = 'x'\n", ("other.toml:1", "found [desk]", "[policy.*] sections only")),
        ("[policy.trading]\ncollar_bars = 9\n", ("other.toml:2", "decides what was measured", "a replay can change")),
        (
            "[policy.trading.strategy.trend]\nlosing_streak_window = '9d'\n",
            ("other.toml:2", "policy.trading.strategy.trend.losing_streak_window", "decides what was measured"),
        ),
        ("[policy\n", ("other.toml", "not valid TOML", "line 1")),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured) as refused:
        changes(tmp_path, text)
    assert all(part in str(refused.value) for part in said), str(refused.value)
    assert refused.value.fix


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_changes(tmp_path / "none.toml", CATALOGUE, known=KNOWN)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(Misconfigured, match="byte 5 is not UTF-8"):
        read_changes(tmp_path / "latin.toml", CATALOGUE, known=KNOWN)


def test_only_what_is_named_changes_in_every_version() -> None:
    asked = policies(
        {1: {"trading.max_qty": "10"}, 2: {"trading.max_qty": "20", "trading.max_gross": "5"}},
        {"trading.max_notional": "7"},
    )
    first, second = asked.limits(a_scope(1), tried=True), asked.limits(a_scope(2), tried=True)
    assert (first.max_qty, second.max_qty, second.max_gross) == (to_nano(10), to_nano(20), to_nano(5))
    assert first.max_notional == second.max_notional == to_nano(7)
    assert asked.limits(a_scope(1), tried=False).max_notional == to_nano(25_000)


def test_from_the_defaults_nothing_of_what_was_in_force_is_left() -> None:
    asked = policies({1: {"trading.max_qty": "10"}}, {"trading.max_notional": "7"}, defaults=True)
    found = asked.limits(a_scope(), tried=True)
    assert (found.max_qty, found.max_notional) == (to_nano(10_000), to_nano(7))
    assert asked.limits(a_scope(), tried=False).max_qty == to_nano(10)


def test_an_override_in_force_stays_in_force_beside_a_new_general_value() -> None:
    asked = policies({1: {"trading.max_qty@strategy:trend": "10"}}, {"trading.max_qty": "7"})
    assert asked.limits(a_scope(), tried=True).max_qty == to_nano(10)
    assert asked.limits(a_scope(strategy="gone"), tried=True).max_qty == to_nano(7)


def test_an_approved_order_is_not_asked_about_again_unless_nobody_said_from_which_size_on() -> None:
    asked = policies({1: {"trading.approval_notional": "5"}})
    found = asked.limits(a_scope(approved=True), tried=True).approval_notional
    assert found is not None
    assert found > to_nano(Decimal(10) ** 9)
    assert asked.limits(a_scope(), tried=True).approval_notional == to_nano(5)


def test_a_parameter_that_was_retired_since_does_not_stop_a_replay() -> None:
    asked = policies({1: {"trading.max_qty": "10", "trading.long_gone": "1"}})
    assert asked.limits(a_scope(), tried=True).max_qty == to_nano(10)
