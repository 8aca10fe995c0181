"""Bad orders through the real gate: each stopped by the check it is about, and a case that passes would show."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripts.fail_open_page import page

from steersman.bench import bad_orders
from steersman.bench.bad_order_cases import CASES, Case, Told, here, same_id
from steersman.bench.bad_orders import TITLES, rows
from steersman.bench.peer_venv import Peer
from steersman.kernel.errors import Corrupt, Unavailable

STOPPED_BY = {
    "max_notional": "MAX_NOTIONAL",
    "no_quote": "STALE_DATA",
    "stale_quote": "STALE_DATA",
    "not_a_quantity": "quantity",
    "far_price": "PRICE_COLLAR",
    "repeated": "DUPLICATE_CONTENT",
    "closed_market": "SESSION",
    "open_orders_sum": "POSITION",
    "self_cross": "SELF_MATCH",
    "unknown_instrument": "unknown instrument 'ZZZ'",
    "short": "SHORT",
}
PEER = Peer(name="peer", version="1", python=Path("python"), scripts=Path())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_a_bad_order_is_stopped_by_what_it_is_about(case: Case) -> None:
    told = here(case)
    assert told.asked > 0
    assert told.through == 0
    assert STOPPED_BY[case.key] in told.why


def test_a_second_signal_of_one_id_is_none() -> None:
    told = same_id()
    assert (told.asked, told.through) == (2, 0)
    assert "changes nothing" in told.why
    assert "refused" in told.why


def test_an_order_that_nothing_stops_would_show_as_through() -> None:
    told = here(Case(key="fine", title="", steps=('[buy("AAA", 10, notes=BAD)]',)))
    assert (told.asked, told.through) == (1, 1)


def test_a_case_whose_scene_could_not_be_set_shows_nothing() -> None:
    with pytest.raises(Corrupt, match="a good order did not pass"):
        here(Case(key="broken", title="", steps=('[buy("AAA", 100_000)]',)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Told]:
    """Ours stop everything; the peer lets `short` through and cannot be put in `no_quote`."""
    stopped = Told(asked=1, through=0, why="reject: a check")
    theirs = {key: stopped for key in TITLES if key != "no_quote"}
    theirs["short"] = Told(asked=3, through=2, why="sent")
    monkeypatch.setattr(bad_orders, "here", lambda case: stopped)
    monkeypatch.setattr(bad_orders, "same_id", lambda: stopped)
    monkeypatch.setattr(bad_orders, "there", lambda peer: theirs)
    return theirs


@pytest.mark.usefixtures("told")
def test_only_cases_that_both_can_be_put_in_are_counted() -> None:
    total, *cases = rows(PEER, "")
    both = len(TITLES) - 2  # no_quote there, crossed_book here
    assert (total.value, total.unit, total.met) == (0, f"of {both}", True)
    assert total.compared_with.endswith(f": 1 of {both}")
    by_title = {row.metric.partition(": ")[2]: row for row in cases}
    assert by_title[TITLES["short"]].compared_with.endswith(": 1")
    assert "2 of 3 sent" in by_title[TITLES["short"]].note
    assert by_title[TITLES["crossed_book"]].value is None


@pytest.mark.usefixtures("told")
def test_what_gets_through_here_is_a_missed_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_orders, "same_id", lambda: Told(asked=2, through=1, why="taken"))
    total, *cases = rows(PEER, "")
    assert (total.value, total.met) == (1, False)
    assert [row.met for row in cases if "under the id" in row.metric] == [False]


@pytest.mark.usefixtures("told")
def test_without_a_peer_ours_are_counted_and_the_reason_is_told() -> None:
    total, *cases = rows(None, "no package index")
    assert total.unit == f"of {len(TITLES) - 1}"
    assert total.compared_with.endswith("not measured")
    assert all("no package index" in row.note for row in cases)


@pytest.mark.usefixtures("told")
def test_a_case_that_cannot_be_measured_is_a_row_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> Told:
        raise Corrupt("the scene could not be set")

    monkeypatch.setattr(bad_orders, "same_id", breaks)
    [row] = [row for row in rows(PEER, "") if "under the id" in row.metric]
    assert row.value is None
    assert "the scene could not be set" in row.note


def as_printed(found: list[Any]) -> list[dict[str, Any]]:
    printed: list[dict[str, Any]] = msgspec.to_builtins(found)
    return printed


@pytest.mark.usefixtures("told")
def test_the_page_shows_every_case_of_both_sides_with_date_and_versions() -> None:
    text = page(as_printed(rows(PEER, "")), date(2026, 1, 2))
    assert "2026-01-02" in text
    assert "NautilusTrader 1.221.0" in text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == len(TITLES) + 2
    [short] = [line for line in lines if TITLES["short"] in line]
    assert "| stopped | reject: a check | **through** | 2 of 3 sent; sent |" in short
    [crossed] = [line for line in lines if TITLES["crossed_book"] in line]
    assert "| not applicable |" in crossed


@pytest.mark.usefixtures("told")
def test_no_page_is_made_of_a_run_without_the_peer() -> None:
    with pytest.raises(Unavailable, match="both sides"):
        page(as_printed(rows(None, "offline")), date(2026, 1, 2))
