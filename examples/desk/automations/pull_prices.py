"""Write data/SYMBOL.csv for the feed from the shared pull `prices`, which was checked once when it came in."""

import os
from pathlib import Path

from steersman.client import pull, result

WORKSPACE = Path(os.environ.get("STEERSMAN_WORKSPACE", "."))


def main() -> None:
    prices = pull("prices")
    bars = prices.polars()
    symbols = bars["symbol"].unique().sort().to_list()
    folder = WORKSPACE / "data"
    folder.mkdir(exist_ok=True)
    for symbol in symbols:
        rows = bars.filter(bars["symbol"] == symbol).drop("symbol")
        fresh = folder / f".{symbol}.csv.new"
        rows.write_csv(fresh, float_precision=2)
        fresh.replace(folder / f"{symbol}.csv")  # readers see the old file or the new one, never half of one
        print(f"{symbol}: {rows.height} bars, {rows['date'].min()} to {rows['date'].max()}")
    print(f"{prices.state}; checked: {', '.join(prices.receipt.checks)}")
    result(rows=bars.height, symbols=symbols, content=prices.receipt.content_hash)


if __name__ == "__main__":
    main()
