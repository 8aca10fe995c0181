"""A small data vendor on this machine: logs clients in, serves quotes, positions and news, limits rates, counts.

    VENDOR_SECRET=open-sesame python vendor.py --port 8765

`python vendor.py --counts` tells what was asked of the one that listens, so that nobody has to believe a script about
its own calls. `--trouble prices` makes it send a price that is none, `--trouble down` answer nothing but 503, and
`--trouble none` ends it.
"""

import argparse
import base64
import csv
import io
import json
import os
import random
import secrets
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

CLIENT = "desk"
LIFE_S = 900
RATE_PER_MINUTE = 120
SYMBOLS = 1500
TROUBLES = ("none", "prices", "down")


def quotes() -> bytes:
    chance = random.Random(7)
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["symbol", "bid", "ask", "last", "volume"])
    for number in range(SYMBOLS):
        last = round(chance.uniform(5, 500), 2)
        rows.writerow(
            [f"S{number:04}", f"{last - 0.01:.2f}", f"{last + 0.01:.2f}", f"{last:.2f}", chance.randrange(10**6)]
        )
    return out.getvalue().encode()


def positions() -> bytes:
    chance = random.Random(8)
    held = [
        {"symbol": f"S{number:04}", "quantity": chance.randrange(10, 400), "stop": round(chance.uniform(5, 300), 2)}
        for number in sorted(chance.sample(range(SYMBOLS), 40))
    ]
    return json.dumps({"account": "4711", "positions": held}).encode()


def news() -> bytes:
    chance = random.Random(9)
    verbs = ("beats estimates", "names a new chief", "recalls a product", "buys back shares", "is sued by a supplier")
    items = [
        {"id": number, "symbol": f"S{chance.randrange(SYMBOLS):04}", "headline": chance.choice(verbs)}
        for number in range(400)
    ]
    return json.dumps(items).encode()


class Vendor(ThreadingHTTPServer):
    """Serves until `shutdown()`; `latency_s` is what the way there and back takes, as a real one would."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        # A client that went away is no news; a traceback of it would hide what is.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def __init__(self, port: int, secret: str, *, latency_s: float = 0.15) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret = secret
        self.latency_s = latency_s
        self.trouble = "none"
        self.bodies = {"/v1/quotes": quotes(), "/v1/positions": positions(), "/v1/news": news()}
        self.tokens: dict[str, float] = {}
        self.calls_of: dict[str, list[float]] = {}
        self.counts = {"logins": 0, "calls": 0, "bytes": 0, "refused": 0, "limited": 0, "waited_s": 0.0}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, what: str, by: float = 1) -> None:
        with self.lock:
            self.counts[what] += by

    def may_call(self, token: str) -> str:
        """Return why not; empty if this token may call now."""
        now = time.monotonic()
        with self.lock:
            if self.tokens.get(token, 0) < now:
                return "refused"
            recent = [at for at in self.calls_of.get(token, []) if at > now - 60]
            self.calls_of[token] = [*recent, now]
        return "limited" if len(recent) >= RATE_PER_MINUTE else ""


class Handler(BaseHTTPRequestHandler):
    server: Vendor
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        _, _, trouble = self.path.partition("/trouble/")
        if trouble in TROUBLES:
            self.server.trouble = trouble
            self.answer(200, b"{}")
            return
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        expected = base64.b64encode(f"{CLIENT}:{self.server.secret}".encode()).decode()
        self.travel()
        if self.path != "/oauth/token" or form.get("grant_type") != ["client_credentials"]:
            self.answer(400, b'{"error": "unsupported_grant_type"}')
        elif not secrets.compare_digest(self.headers.get("Authorization", ""), f"Basic {expected}"):
            self.answer(401, b'{"error": "invalid_client"}')
        else:
            token = secrets.token_urlsafe(24)
            with self.server.lock:
                self.server.tokens[token] = time.monotonic() + LIFE_S
            self.server.count("logins")
            body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_S}
            self.answer(200, json.dumps(body).encode())

    def do_GET(self) -> None:
        if self.path == "/counts":
            self.answer(200, json.dumps(self.server.counts).encode())
            return
        self.travel()
        wrong = self.server.may_call(self.headers.get("Authorization", "").removeprefix("Bearer "))
        body = self.server.bodies.get(self.path)
        if wrong == "refused":
            self.server.count("refused")
            self.answer(401, b'{"error": "invalid_token"}')
        elif wrong == "limited":
            self.server.count("limited")
            self.answer(429, b'{"error": "slow down"}', ("Retry-After", "1"))
        elif self.server.trouble == "down":
            self.answer(503, b'{"error": "we will be back"}')
        elif body is None:
            self.answer(404, b'{"error": "no such thing"}')
        else:
            self.server.count("calls")
            self.server.count("bytes", len(body))
            if self.server.trouble == "prices" and self.path == "/v1/quotes":
                symbol, bid, ask, _, volume = body.splitlines()[3].split(b",")
                body = body.replace(body.splitlines()[3], b",".join((symbol, bid, ask, b"-1", volume)))
            self.answer(200, body)

    def travel(self) -> None:
        began = time.monotonic()
        time.sleep(self.server.latency_s)
        self.server.count("waited_s", time.monotonic() - began)

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        kind = "text/csv" if self.path == "/v1/quotes" and status == 200 else "application/json"
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing per request."""


def ask(url: str, data: bytes | None = None) -> dict[str, float]:
    with urllib.request.urlopen(url, data, timeout=10) as answer:  # noqa: S310 - an address of this machine
        found: dict[str, float] = json.load(answer)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="A small data vendor on this machine.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--counts", action="store_true", help="what was asked of the one that listens there")
    parser.add_argument("--trouble", choices=TROUBLES, help="what the one that listens there does wrong from now on")
    options = parser.parse_args()
    if options.trouble:
        ask(f"http://127.0.0.1:{options.port}/trouble/{options.trouble}", b"")
        return
    if options.counts:
        counts = ask(f"http://127.0.0.1:{options.port}/counts")
        print(f"{counts['logins']:,} logins, {counts['calls']:,} data calls, {counts['bytes']:,} bytes")
        return
    vendor = Vendor(options.port, os.environ["VENDOR_SECRET"])
    print(f"the vendor listens at {vendor.url}; Ctrl-C ends it", flush=True)
    vendor.serve_forever()


if __name__ == "__main__":
    main()
