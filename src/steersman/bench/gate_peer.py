"""What the checks alone cost at NautilusTrader, beside ours; `steersman bench gate` adds these rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from steersman.bench.measure import in_turns, row_of
from steersman.bench.peer_venv import NAUTILUS, nautilus
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable
from steersman.trading.gate import CHECKS

_ROUNDS: Final = 10
_ORDERS: Final = 20_000
_METRIC: Final = "CPU per accepted signal, against its risk engine"
# Of RiskEngine 1.221 for a market order on a cash account: instrument, size precision, largest notional, free balance,
# cumulative notional, trading state, submit rate. Checks of prices, triggers, expiry and of limits that no share has
# (largest and smallest quantity and notional of the instrument) do not apply to such an order.
_ITS_CHECKS: Final = 7


def run(ours: Callable[[], float]) -> list[Row]:
    """Measure in turns, a new process of the peer each.

    Args:
        ours: processor microseconds per accepted signal, measured anew at each call.
    """
    try:
        peer = nautilus()
        turns = in_turns(ours, lambda: float(peer.run("checks.py", _ORDERS)["cpu_us"]), rounds=_ROUNDS)
    except Unavailable as exc:
        return [not_measured("gate", _METRIC, "x", None, str(exc).replace("\n ", ";"))]
    note = (
        f"ours: {len(CHECKS)} checks with decode, facts, verdict as stored, encode and hash, in Python; theirs: "
        f"{_ITS_CHECKS} checks that apply to a market order on a cash account, compiled (Cython), of which only yes or "
        "no is kept; ready-made orders into RiskEngine.execute, a stub behind it"
    )
    peers = f"NautilusTrader {NAUTILUS} RiskEngine"
    return [
        row_of("gate", _METRIC, turns.ratios, "x", compared_with=peers, note=note),
        row_of("gate", "CPU per order in its risk engine", turns.peer, "us", note=f"{_ORDERS:,} orders"),
        row_of(
            "gate",
            "CPU per check, against its risk engine",
            [ratio * _ITS_CHECKS / len(CHECKS) for ratio in turns.ratios],
            "x",
            compared_with=peers,
        ),
    ]
