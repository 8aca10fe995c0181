"""Orders that should not go out, sent through the real gate with the policy of a new workspace, and through a peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from steersman.bench.bad_order_cases import CASES, Told, here, same_id
from steersman.bench.peer_venv import NAUTILUS, Peer
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import SteersmanError

PEER: Final = f"NautilusTrader {NAUTILUS}"
_BENCH: Final = "order"
_SAME_ID: Final = "same_id"
_CROSSED: Final = "crossed_book"
_NO_BOOK: Final = "not applicable: bars on the paper venue have no book (CROSSED_BOOK reads quotes of other venues)"
_PEER_SETTINGS: Final = (
    "NautilusTrader has its risk engine on, 25,000 as the largest order, ten orders a second at most, and a cash "
    "account but where a case says otherwise; let through is what was handed to the venue"
)
_NOT_THERE: Final = "not applicable: it cannot be said there"
_SHOWN: Final = 160
TITLES: Final = {
    **{case.key: case.title for case in CASES},
    _SAME_ID: "a second order under the id of the first",
    _CROSSED: "on a crossed book",
}


def there(peer: Peer) -> dict[str, Told]:
    """Send the same bad orders through the peer; return what became of each."""
    return msgspec.convert(peer.run("bad_orders.py"), dict[str, Told])


def rows(peer: Peer | None, reason: str) -> list[Row]:
    """Return how many cases each lets through, and each case; `reason` says why there is no peer."""
    ours: dict[str, Told | str] = {case.key: _tried(partial(here, case)) for case in CASES}
    ours[_SAME_ID] = _tried(same_id)
    ours[_CROSSED] = _NO_BOOK
    theirs = _tried_there(peer, reason)
    return [_total(ours, theirs), *(_row(key, ours[key], theirs.get(key, _NOT_THERE)) for key in TITLES)]


def _tried(run: Callable[[], Told]) -> Told | str:
    """Return what became of a case, or why nobody can say."""
    try:
        return run()
    except SteersmanError as exc:
        return f"not measured: {exc.message}"


def _tried_there(peer: Peer | None, reason: str) -> dict[str, Told | str]:
    if peer is not None:
        try:
            return {**there(peer)}
        except SteersmanError as exc:
            reason = exc.message
    return dict.fromkeys(TITLES, f"not measured: {reason}")


def _row(key: str, ours: Told | str, theirs: Told | str) -> Row:
    metric = f"bad order let through: {TITLES[key]}"
    note = f"ours: {_words(ours)} | {PEER}: {_words(theirs)}"
    compared_with = PEER if isinstance(theirs, str) else f"{PEER}: {int(theirs.through > 0)}"
    if isinstance(ours, str):
        row = not_measured(_BENCH, metric, "cases", 0.0, note)
        return msgspec.structs.replace(row, compared_with=compared_with)
    return Row(
        bench=_BENCH,
        metric=metric,
        value=float(ours.through > 0),
        unit="cases",
        target=0.0,
        met=ours.through == 0,
        compared_with=compared_with,
        note=note,
    )


def _words(told: Told | str) -> str:
    if isinstance(told, str):
        return told
    count = f"{told.through} of {told.asked} sent; " if told.asked > 1 else ""
    why = told.why if len(told.why) <= _SHOWN else f"{told.why[:_SHOWN]} ..."
    return f"{count}{why}"


def _total(ours: Mapping[str, Told | str], theirs: Mapping[str, Told | str]) -> Row:
    """Return the count over the cases that both were measured in; those of ours alone, if there is no peer."""
    mine = {key: told.through > 0 for key, told in ours.items() if isinstance(told, Told)}
    peers = {key: told.through > 0 for key, told in theirs.items() if isinstance(told, Told) and key in mine}
    counted = peers or mine
    through = sum(mine[key] for key in counted)
    return Row(
        bench=_BENCH,
        metric="bad orders let through",
        value=float(through),
        unit=f"of {len(counted)}",
        target=0.0,
        met=through == 0,
        compared_with=f"{PEER}: {sum(peers.values())} of {len(peers)}" if peers else f"{PEER}: not measured",
        note=f"ours with the policy of a new workspace; {_PEER_SETTINGS}; only cases both can be put in",
    )
