#!/usr/bin/env python3
# Gross exposure and the largest share of it. Runs every five minutes.
# ruff: noqa: S310 - the style of such scripts as they are found, not as they should be
import base64
import csv
import io
import json
import os
import urllib.request

VENDOR = os.environ.get("VENDOR_URL", "http://127.0.0.1:8765")


def vendor_token():
    basic = base64.b64encode(("desk:" + os.environ["VENDOR_SECRET"]).encode()).decode()
    request = urllib.request.Request(
        VENDOR + "/oauth/token", b"grant_type=client_credentials", {"Authorization": "Basic " + basic}
    )
    return json.load(urllib.request.urlopen(request, timeout=10))["access_token"]


headers = {"Authorization": "Bearer " + vendor_token()}
quotes = urllib.request.urlopen(urllib.request.Request(VENDOR + "/v1/quotes", headers=headers), timeout=30)
last = {}
for row in csv.DictReader(io.TextIOWrapper(quotes, "utf-8")):
    price = float(row["last"])
    if price <= 0:
        raise SystemExit("bad quote for " + row["symbol"])
    last[row["symbol"]] = price
positions = json.load(
    urllib.request.urlopen(urllib.request.Request(VENDOR + "/v1/positions", headers=headers), timeout=30)
)["positions"]
value = {p["symbol"]: p["quantity"] * last[p["symbol"]] for p in positions}
gross = sum(value.values())
largest = max(value, key=value.get)
print(f"gross {gross:.2f}, largest {largest} {value[largest] / gross:.1%}")
