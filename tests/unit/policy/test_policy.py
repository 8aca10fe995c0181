from __future__ import annotations

from decimal import Decimal

import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy import HaltState, Kind, Loosens, Parameter, Snapshot
from steersman.policy.document import read_policy
from steersman.policy.halts import parse_scope
from steersman.policy.parameter import Catalogue
from steersman.policy.store import PolicyStore, activate, halt_event, history, resume_event

MAX_QTY = Parameter(
    name="trading.max_qty", kind=Kind.INTEGER, unit="shares", summary="Largest order", default="100",
    low=Decimal(1), high=Decimal(1000), loosens=Loosens.UP, scopes=("strategy",),
)  # fmt: skip
NOTIONAL = Parameter(name="trading.max_notional", kind=Kind.DECIMAL, unit="USD", summary="Largest value", default=None)
ADJUST = Parameter(name="trading.allow_adjust", kind=Kind.BOOLEAN, unit="", summary="Cut sizes", default="true")
AGE = Parameter(name="trading.max_age", kind=Kind.SPAN, unit="s", summary="Oldest signal", default="5m")
RATIO = Parameter(name="trading.max_drawdown", kind=Kind.RATIO, unit="ratio", summary="Deepest loss", default="0.2")
NAMES = Parameter(name="trading.restricted", kind=Kind.NAMES, unit="", summary="Not to be traded", default="")
CATALOGUE = Catalogue([MAX_QTY, NOTIONAL, ADJUST, AGE, RATIO, NAMES])
KNOWN = {"strategy": {"trend"}}


def read(text: str) -> dict[str, str]:
    return read_policy(TomlFile(text, name="steersman.toml"), CATALOGUE, known=KNOWN)


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (MAX_QTY, "5", 5), (NOTIONAL, "12.50", Decimal("12.50")), (ADJUST, "false", False), (AGE, "90s", Decimal(90)),
        (AGE, "1h", Decimal(3600)), (RATIO, "0.05", Decimal("0.05")), (NAMES, "A, B", ("A", "B")),
    ],
)  # fmt: skip
def test_canonical_text_is_read_by_kind(parameter: Parameter, text: str, value: object) -> None:
    assert parameter.parse(text) == value


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (MAX_QTY, "0"),
        (MAX_QTY, "1001"),
        (MAX_QTY, "1.5"),
        (NOTIONAL, "NaN"),
        (ADJUST, "yes"),
        (AGE, "soon"),
        (RATIO, "1.1"),
        (RATIO, "-0.1"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_what_is_allowed(parameter: Parameter, text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        parameter.parse(text)


def test_an_override_wins_over_the_value_and_the_value_over_the_default() -> None:
    snapshot = Snapshot(
        version=3, values={"trading.max_qty": "50", "trading.max_qty@strategy:trend": "20"}, catalogue=CATALOGUE
    )
    assert snapshot.get("trading.max_qty") == 50
    assert snapshot.get("trading.max_qty", strategy="trend") == 20
    assert snapshot.get("trading.max_qty", strategy="other") == 50
    assert snapshot.decimal("trading.max_notional") is None
    assert snapshot.flag("trading.allow_adjust")


def test_the_file_is_read_into_full_names() -> None:
    text = """
        [policy.trading]
        max_qty = 40
        max_drawdown = 0.1
        restricted = ['X']
        [policy.trading.strategy.trend]
        max_qty = 7
    """
    assert read(text) == {
        "trading.max_qty": "40",
        "trading.max_drawdown": "0.1",
        "trading.restricted": "X",
        "trading.max_qty@strategy:trend": "7",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[policy.trading]\nmax_qt = 4\n",
            "steersman.toml:2: policy.trading.max_qt: unknown parameter\n  fix: did you mean `max_qty`?",
        ),
        (
            "[policy.trading]\n\nmax_qty = 4000\n",
            "steersman.toml:3: policy.trading.max_qty: found 4000, allowed: a whole number",
        ),
        ("[policy.trading]\nmax_qty = true\n", "found 'true', allowed"),
        ("[policy.trading]\nmax_qty = []\n", "found [], allowed"),
        ("[policy.treding]\nmax_qty = 4\n", "no parameters of that name"),
        (
            "[policy.trading.strategy.trnd]\nmax_qty = 4\n",
            "no strategy of that name is declared\n  fix: declared: trend",
        ),
        ("[policy.trading.account.x]\nmax_qty = 4\n", "is not a kind of override"),
        ("[policy.trading.strategy.trend]\nmax_age = '5m'\n", "may be overridden per nothing only"),
    ],
)
def test_a_bad_policy_names_line_field_found_and_allowed(text: str, told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(text)
    assert told in str(caught.value)


def test_activating_the_same_values_again_makes_no_new_version() -> None:
    ledger = memory_ledger()
    first = activate(ledger, {"trading.max_qty": "5"}, actor="person:cli", reason="start", source="f", now_ns=1)
    again = activate(ledger, {"trading.max_qty": "5"}, actor="person:cli", reason="start", source="f", now_ns=2)
    third = activate(ledger, {"trading.max_qty": "6"}, actor="person:cli", reason="edit", source="f", now_ns=3)
    assert first is not None
    assert third is not None
    assert (first.version, again, third.version) == (1, None, 2)
    assert third.changed == {"trading.max_qty": ("5", "6")}
    assert [v.version for _, v in history(ledger)] == [1, 2]


def test_two_activations_at_once_cannot_both_be_the_next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = memory_ledger()
    monkeypatch.setattr("steersman.policy.store.history", lambda _: [])
    activate(ledger, {"trading.max_qty": "5"}, actor="a", reason="", source="", now_ns=1)
    with pytest.raises(Conflict):
        activate(ledger, {"trading.max_qty": "6"}, actor="b", reason="", source="", now_ns=2)


def test_a_store_sees_versions_and_halts_as_soon_as_they_are_durable() -> None:
    ledger, clock = memory_ledger(), FakeClock()
    store = PolicyStore(ledger, CATALOGUE)
    assert store.current().version == 0
    activate(ledger, {"trading.max_qty": "9"}, actor="person:x", reason="", source="", now_ns=clock.now_ns())
    assert (store.current().version, store.current().get("trading.max_qty")) == (1, 9)
    ledger.append([halt_event("strategy:trend", reason="odd fills", actor="guard", now_ns=clock.now_ns())])
    assert store.current_halts().covering(venue="paper", strategy="trend", instrument="A") == "strategy:trend"
    assert store.current_halts().covering(venue="paper", strategy="other", instrument="A") is None


def test_only_a_person_lifts_a_halt() -> None:
    with pytest.raises(ValueError, match="only a person"):
        resume_event("all", reason="", actor="controller:drawdown", now_ns=1)


def test_resuming_all_lifts_every_scope() -> None:
    ledger = memory_ledger()
    ledger.append([halt_event(s, reason="r", actor="x", now_ns=1) for s in ("all", "venue:paper")])
    ledger.append([resume_event("all", reason="ok", actor="person:cli", now_ns=2)])
    state = HaltState()
    for event in ledger.read():
        state = state.apply(event)
    assert state.reasons == {}


@pytest.mark.parametrize("bad", ["", "strategy", "strategy:", "account:x", "ALL"])
def test_a_scope_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(Misconfigured, match="is not a halt scope"):
        parse_scope(bad)
