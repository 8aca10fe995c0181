"""Which positions trade below their stop? Runs every five minutes, and says so in the ledger."""

from steersman.client import emit, pull

positions = pull("positions").rows()
last = dict(pull("quotes").polars().select("symbol", "last").iter_rows())
below = [p["symbol"] for p in positions if last[p["symbol"]] < p["stop"]]
print(f"{len(below)} of {len(positions)} positions below their stop: {' '.join(below)}")
if below:
    emit("script.stop.passed", symbols=below)
