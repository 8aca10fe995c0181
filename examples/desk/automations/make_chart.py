"""Draw what one dollar in each stock became: prices.png among this run's artifacts. Shares the pull `prices`."""

import os
import sys
from pathlib import Path

from steersman.client import pull, result

try:
    import matplotlib as mpl
except ImportError:
    sys.exit("matplotlib is not installed; run: pip install 'steersman[demo]'")
mpl.use("Agg")  # no screen needed
from matplotlib import dates, ticker
from matplotlib import pyplot as plt

ARTIFACTS = Path(os.environ.get("STEERSMAN_ARTIFACTS", "."))
INK, FAINT = "#1f2933", "#d9dee4"
COLOURS = {"AAPL": "#0b7285", "GOOG": "#c2410c", "IBM": "#5f3dc4", "MSFT": "#2b8a3e"}


def main() -> None:
    # The same rows that pull_prices was given: nobody is asked again, and nothing is checked twice.
    bars = pull("prices").polars()
    series = {}
    for symbol in COLOURS:
        rows = bars.filter(bars["symbol"] == symbol)
        series[symbol] = (rows["date"].to_list(), rows["close"].to_list())
    # GOOG was listed in August 2004: all series start there, so that they compare.
    start = max(days[0] for days, _ in series.values())
    figure, axes = plt.subplots(figsize=(9.6, 5.4), dpi=110)
    for symbol, (days, prices) in series.items():
        first = next(i for i, day in enumerate(days) if day >= start)
        growth = [p / prices[first] for p in prices[first:]]
        axes.plot(days[first:], growth, color=COLOURS[symbol], linewidth=1.3)
        axes.annotate(
            f"{symbol} ×{growth[-1]:.1f}",
            (days[-1], growth[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=COLOURS[symbol],
            va="center",
            fontsize=10,
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(base=10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"${value:g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.xaxis.set_major_formatter(dates.DateFormatter("%Y"))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.tick_params(which="both", colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.margins(x=0)
    axes.set_title(f"One dollar invested on {start:%d %B %Y}", loc="left", color=INK, fontsize=13, pad=14)
    figure.tight_layout()
    figure.savefig(ARTIFACTS / "prices.png")
    last = {symbol: round(prices[-1], 2) for symbol, (_, prices) in series.items()}
    print(f"prices.png: {len(series)} series from {start}")
    result(chart="prices.png", last_close=last, **{"from": start.isoformat()})


if __name__ == "__main__":
    main()
