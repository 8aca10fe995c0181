"""Write data/SYMBOL.csv: daily bars, adjusted for splits and dividends.

Source: the package bokeh_sampledata (BSD-3), which carries Yahoo's daily bars from 2000 to 2013. Swap `read_bars` for
your data vendor; everything downstream only sees the files.
"""

import csv
import gzip
import importlib.util
import json
import os
import sys
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
CENT = Decimal("0.01")
WORKSPACE = Path(os.environ.get("STEERSMAN_WORKSPACE", "."))


def source() -> Path:
    # Found without importing the package: its __init__ may pull in pandas, which is 40 times the work of this script.
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the sample prices are not installed; run: pip install 'steersman[demo]'")
    path = Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"
    if not path.is_file():
        sys.exit(f"bokeh_sampledata has no {path.name}; run: pip install 'bokeh_sampledata>=2025'")
    return path


def read_bars(path: Path) -> dict[str, list[list[str]]]:
    bars = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)  # ticker, date, open, high, low, close, volume, adjusted close
        for ticker, date, *prices, close, volume, adjusted in reader:
            if ticker in SYMBOLS:
                bars[ticker].append(bar(date, [*prices, close], volume, Decimal(adjusted) / Decimal(close)))
    return bars


def bar(date: str, prices: list[str], volume: str, factor: Decimal) -> list[str]:
    open_, high, low, close = (Decimal(p) * factor for p in prices)
    # Vendors' opens and closes sometimes stick out of the day's range by a rounding; a bar must contain them.
    high, low = max(open_, high, low, close), min(open_, high, low, close)
    cents = [str(max(CENT, p.quantize(CENT, rounding=ROUND_HALF_EVEN))) for p in (open_, high, low, close)]
    return [date, *cents, volume]


def write(symbol: str, rows: list[list[str]]) -> None:
    folder = WORKSPACE / "data"
    folder.mkdir(exist_ok=True)
    fresh = folder / f".{symbol}.csv.new"
    with fresh.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["date", "open", "high", "low", "close", "volume"])
        writer.writerows(sorted(rows))
    fresh.replace(folder / f"{symbol}.csv")  # readers see the old file or the new one, never half of one


def main() -> None:
    bars = read_bars(source())
    missing = [s for s in SYMBOLS if not bars[s]]
    if missing:
        sys.exit(f"no bars for {', '.join(missing)}")
    for symbol in SYMBOLS:
        write(symbol, bars[symbol])
        print(f"{symbol}: {len(bars[symbol])} bars, {min(bars[symbol])[0]} to {max(bars[symbol])[0]}")
    print("::result", json.dumps({"rows": sum(len(bars[s]) for s in SYMBOLS), "symbols": list(SYMBOLS)}))


if __name__ == "__main__":
    main()
