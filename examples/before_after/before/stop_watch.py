#!/usr/bin/env python3
# Which positions trade below their stop? Runs every five minutes.
# ruff: noqa: S101, S310 - the style of such scripts as they are found, not as they should be
import csv
import json
import os
import urllib.request
from base64 import b64encode

URL = os.environ.get("VENDOR_URL", "http://127.0.0.1:8765")
USER = b64encode(f"desk:{os.environ['VENDOR_SECRET']}".encode()).decode()


def fetch(path, auth, data=None):
    request = urllib.request.Request(URL + path, data, {"Authorization": auth})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode("utf-8")


auth = "Bearer " + json.loads(fetch("/oauth/token", "Basic " + USER, b"grant_type=client_credentials"))["access_token"]
positions = json.loads(fetch("/v1/positions", auth))["positions"]
quotes = {q["symbol"]: float(q["last"]) for q in csv.DictReader(fetch("/v1/quotes", auth).splitlines())}
assert all(price > 0 for price in quotes.values()), "bad quotes"
below = [p["symbol"] for p in positions if quotes[p["symbol"]] < p["stop"]]
print(f"{len(below)} of {len(positions)} positions below their stop: {' '.join(below)}")
