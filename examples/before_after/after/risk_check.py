"""Gross exposure and the largest share of it. Runs every five minutes."""

from steersman.client import pull, result

last = dict(pull("quotes").polars().select("symbol", "last").iter_rows())
value = {p["symbol"]: p["quantity"] * last[p["symbol"]] for p in pull("positions").rows()}
gross = sum(value.values())
largest = max(value, key=lambda symbol: value[symbol])
print(f"gross {gross:.2f}, largest {largest} {value[largest] / gross:.1%}")
result(gross=gross, largest=largest)
