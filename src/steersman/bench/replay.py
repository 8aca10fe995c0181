"""What it costs to decide a million signals again: every check of the table over a frame."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from typing import Final

import msgspec

from steersman.bench.row import Row
from steersman.kernel.errors import Unavailable

_SIGNALS: Final = 1_000_000
_RUNS: Final = 5
_TARGET_S: Final = 0.5


def run() -> list[Row]:
    """Measure in processes of their own: the frame library keeps its threads and memory."""
    found = [_apart() for _ in range(_RUNS)]
    cpu = sorted(f["cpu_s"] for f in found)
    rss = sorted(f["rss_mb"] for f in found)
    note = f"{_SIGNALS:,} signals, {found[0]['checks']} checks, {found[0]['cut']:,} cut and judged again"
    value = statistics.median(cpu)
    return [
        Row(
            bench="replay",
            metric="1M signals through every check",
            value=round(value, 3),
            unit="CPU-s",
            target=_TARGET_S,
            met=value <= _TARGET_S,
            compared_with="",
            runs=_RUNS,
            low=round(cpu[0], 3),
            high=round(cpu[-1], 3),
            note=note,
        ),
        Row(
            bench="replay",
            metric="peak resident",
            value=round(statistics.median(rss), 1),
            unit="MB",
            target=None,
            met=None,
            compared_with="",
            runs=_RUNS,
            low=round(rss[0], 1),
            high=round(rss[-1], 1),
            note="the frame of facts included",
        ),
    ]


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
    before = resource.getrusage(resource.RUSAGE_SELF)
    judged = judge_frame(frame, limits)
    after = resource.getrusage(resource.RUSAGE_SELF)
    outcomes = dict(judged.group_by("outcome").len().iter_rows())
    return {
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "rss_mb": after.ru_maxrss * 1024 / 1e6,
        "checks": len(CHECKS),
        "cut": outcomes.get("adjust", 0),
    }


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(_once()).decode())
