#!/usr/bin/env python3
# One page before the market opens. Runs once a day.
# ruff: noqa: S310 - the style of such scripts as they are found, not as they should be
import base64
import csv
import io
import json
import os
import urllib.request

VENDOR = os.environ.get("VENDOR_URL", "http://127.0.0.1:8765")


def call(path, headers, data=None):
    with urllib.request.urlopen(urllib.request.Request(VENDOR + path, data, headers), timeout=30) as answer:
        return answer.read()


key = base64.b64encode(f"desk:{os.environ['VENDOR_SECRET']}".encode()).decode()
token = json.loads(call("/oauth/token", {"Authorization": f"Basic {key}"}, b"grant_type=client_credentials"))
auth = {"Authorization": f"Bearer {token['access_token']}"}
quotes = {q["symbol"]: q for q in csv.DictReader(io.StringIO(call("/v1/quotes", auth).decode()))}
for symbol, q in quotes.items():
    if float(q["last"]) <= 0:
        raise SystemExit(f"bad quote for {symbol}")
positions = json.loads(call("/v1/positions", auth))["positions"]
news = json.loads(call("/v1/news", auth))
spread = sum(p["quantity"] * (float(quotes[p["symbol"]]["ask"]) - float(quotes[p["symbol"]]["bid"])) for p in positions)
print(
    f"{len(positions)} positions, {len(quotes)} quotes, {len(news)} headlines; "
    f"leaving all would cost {spread:.2f} in spread"
)
