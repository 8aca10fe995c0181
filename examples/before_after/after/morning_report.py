"""One page before the market opens. Runs once a day."""

from steersman.client import pull

quotes = {q["symbol"]: q for q in pull("quotes").rows()}
positions = pull("positions").rows()
news = pull("news").json()
spread = sum(p["quantity"] * (quotes[p["symbol"]]["ask"] - quotes[p["symbol"]]["bid"]) for p in positions)
print(
    f"{len(positions)} positions, {len(quotes)} quotes, {len(news)} headlines; "
    f"leaving all would cost {spread:.2f} in spread"
)
