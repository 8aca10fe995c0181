#!/usr/bin/env python3
# Headlines about what we hold. Runs every hour.
# ruff: noqa: PTH123, S310 - the style of such scripts as they are found, not as they should be
import base64
import json
import os
import urllib.request

BASE = os.environ.get("VENDOR_URL", "http://127.0.0.1:8765")


class Api:
    def __init__(self):
        key = base64.b64encode(f"desk:{os.environ['VENDOR_SECRET']}".encode()).decode()
        answer = self._open("/oauth/token", {"Authorization": f"Basic {key}"}, b"grant_type=client_credentials")
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def _open(self, path, headers, data=None):
        request = urllib.request.Request(BASE + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def get(self, path):
        return self._open(path, self.headers)


api = Api()
held = {p["symbol"] for p in api.get("/v1/positions")["positions"]}
mine = [n for n in api.get("/v1/news") if n["symbol"] in held]
with open("digest.txt", "w") as f:
    f.writelines(f"{n['symbol']} {n['headline']}\n" for n in mine)
print(f"{len(mine)} headlines about {len({n['symbol'] for n in mine})} of {len(held)} positions")
