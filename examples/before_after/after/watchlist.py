"""Writes the most traded symbols to watchlist.csv. Runs every five minutes."""

from steersman.client import pull, result

quotes = pull("quotes").polars()
top = quotes.sort(["volume", "symbol"], descending=[True, False]).head(20)
top.select("symbol", "last", "volume").write_csv("watchlist.csv", float_precision=2)
print(f"watchlist: 20 of {quotes.height} symbols, first {top['symbol'][0]}")
result(symbols=quotes.height)
