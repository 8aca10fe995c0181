"""Print daily bars as CSV, adjusted for splits and dividends: the source of [pull.prices] in steersman.toml.

Source: the package bokeh_sampledata (BSD-3), which carries Yahoo's daily bars from 2000 to 2013. Swap this script for
your data vendor (or [pull.prices] for its address); everything downstream only sees what passed the schema.
"""

import csv
import gzip
import importlib.util
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
CENT = Decimal("0.01")


def source() -> Path:
    # Found without importing the package: its __init__ may pull in pandas, which is 40 times the work of this script.
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the sample prices are not installed; run: pip install 'steersman[demo]'")
    path = Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"
    if not path.is_file():
        sys.exit(f"bokeh_sampledata has no {path.name}; run: pip install 'bokeh_sampledata>=2025'")
    return path


def read_bars(path: Path) -> list[list[str]]:
    bars = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)  # ticker, date, open, high, low, close, volume, adjusted close
        for ticker, date, *prices, close, volume, adjusted in reader:
            if ticker in SYMBOLS:
                bars.append([ticker, *bar(date, [*prices, close], volume, Decimal(adjusted) / Decimal(close))])
    return sorted(bars)


def bar(date: str, prices: list[str], volume: str, factor: Decimal) -> list[str]:
    open_, high, low, close = (Decimal(p) * factor for p in prices)
    # Vendors' opens and closes sometimes stick out of the day's range by a rounding; a bar must contain them.
    high, low = max(open_, high, low, close), min(open_, high, low, close)
    cents = [str(max(CENT, p.quantize(CENT, rounding=ROUND_HALF_EVEN))) for p in (open_, high, low, close)]
    return [date, *cents, volume]


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["symbol", "date", "open", "high", "low", "close", "volume"])
    writer.writerows(read_bars(source()))


if __name__ == "__main__":
    main()
