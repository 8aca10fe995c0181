"""Run in the peer's own Python, where redis-py is installed: one GET of the frame, and the CPU it took, as JSON."""

from __future__ import annotations

import json
import sys
import time

import redis  # of the peer's own environment

if __name__ == "__main__":
    client = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]))
    client.ping()
    began = time.process_time_ns()
    body = client.get("frame")
    print(json.dumps({"cpu_ms": (time.process_time_ns() - began) / 1e6, "bytes": len(body or b"")}))
