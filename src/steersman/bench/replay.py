"""What it costs to decide a million signals again: every check of the table over a frame."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from steersman.bench.measure import row_of
from steersman.bench.row import Row
from steersman.kernel.errors import Unavailable

if TYPE_CHECKING:
    import polars as pl

_SIGNALS: Final = 1_000_000
_RUNS: Final = 5
_TARGET_S: Final = 0.5


def run() -> list[Row]:
    """Measure in processes of their own: the frame library keeps its threads and memory."""
    found = [_apart() for _ in range(_RUNS)]
    first = found[0]
    note = f"{_SIGNALS:,} signals, {first['checks']} checks, {first['cut']:,} cut and judged again"
    again = f"as `steersman replay` decides: limits by strategy and instrument, {first['cut_again']:,} cut"
    rows = [
        row_of("replay", "1M signals through every check", [f["cpu_s"] for f in found], "CPU-s", at_most=_TARGET_S),
        row_of("replay", "1M recorded signals decided anew", [f["again_s"] for f in found], "CPU-s", at_most=_TARGET_S),
        row_of("replay", "peak resident", [f["rss_mb"] for f in found], "MB"),
    ]
    notes = (note, again, "the frame of facts included")
    return [msgspec.structs.replace(row, note=text) for row, text in zip(rows, notes, strict=True)]


def _apart() -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "steersman.bench.replay"], capture_output=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"the replay ended with {done.returncode}: {done.stderr.decode()[-500:]}", fix="run it by hand"
        )
    found: dict[str, float] = msgspec.json.decode(done.stdout)
    return found


def _once() -> dict[str, float]:
    """Judge a million signals; return processor seconds of all threads, and what was judged."""
    import numpy as np  # only this measurement makes a million rows
    import polars as pl  # as above

    from steersman.bench.gate import _facts, _limits, _raw  # the same desk as the scalar measurement
    from steersman.trading.gate import CHECKS, judge_frame
    from steersman.trading.model.signal import Signal

    facts = msgspec.structs.asdict(_facts(msgspec.json.decode(_raw(0, 20), type=Signal)))
    rng = np.random.default_rng(7)

    def units(low: int, high: int) -> object:
        return rng.integers(low, high, _SIGNALS) * 10**9

    position, price = units(0, 200), rng.integers(9_900, 10_300, _SIGNALS) * 10**7
    varied = {
        "quantity": units(1, 120),
        "position": position,
        "own_position": position,
        "price": price,
        "limit_price": price,
        "source_price": price,
        "cost_price": price,
        "gross": units(20_000, 60_000),
        "buying_power": units(50_000, 90_000),
        "day_pnl": units(-1_000, 1_000),
        "drawdown": rng.integers(0, 10**8, _SIGNALS),
        "outlier_z": units(0, 5),
        "messages": rng.integers(0, 5, _SIGNALS),
        "open_orders": rng.integers(0, 5, _SIGNALS),
        "bid": price - 10**7,
        "ask": price + 10**7,
        "period_price": rng.integers(9_500, 10_300, _SIGNALS) * 10**7,
        "net": units(20_000, 60_000),
        "equity": units(90_000, 110_000),
        "group_gross": units(10_000, 30_000),
        "losing_streak": rng.integers(0, 5, _SIGNALS),
    }
    # Polars computes a column of one value once; a column like that of a real replay differs by row.
    frame = pl.DataFrame(varied).with_columns(
        pl.lit(value).alias(name) for name, value in facts.items() if name not in varied
    )
    limits = _limits()
    cpu_s, judged = _timed(lambda: judge_frame(frame, limits))
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    again_s, anew = _timed(_anew(frame))
    return {
        "cpu_s": cpu_s,
        "again_s": again_s,
        "rss_mb": rss_mb,
        "checks": len(CHECKS),
        "cut": judged.filter(pl.col("outcome") == "adjust").height,
        "cut_again": anew.filter(pl.col("outcome_then") == "adjust").height,
    }


def _anew(frame: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """Return the decision step of a what-if over `frame`: other limits, some for one strategy or instrument only."""
    import polars as pl  # as above

    from steersman.policy.events import PolicyActivated
    from steersman.policy.parameter import Catalogue
    from steersman.trading.limits import PARAMETERS
    from steersman.trading.whatif.alternative import Policies, Scope
    from steersman.trading.whatif.verdicts import judge_again

    scopes = [
        Scope(version=1, strategy=strategy, instrument=instrument, venue="paper", approved=False)
        for strategy in ("trend", "reversion")
        for instrument in ("AAPL", "GOOG", "IBM", "MSFT")
    ]
    tried = {
        "trading.max_position": "20000",
        "trading.max_notional@strategy:reversion": "8000",
        "trading.max_group@instrument:IBM": "1000000",
    }
    in_force = PolicyActivated(version=1, values={}, changed={}, reason="", source="")
    policies = Policies({1: in_force}, tried, Catalogue(PARAMETERS))
    rows = frame.with_columns(scope=pl.int_range(pl.len(), dtype=pl.Int32) % len(scopes))
    return lambda: judge_again(rows, scopes, policies)


def _timed(work: Callable[[], pl.DataFrame]) -> tuple[float, pl.DataFrame]:
    """Return the processor seconds of all threads that `work` took, and what it gave."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    done = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(_once()).decode())
