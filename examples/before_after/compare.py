"""Run the five scripts of eight o'clock before and after, each against a fresh vendor, and print what sharing saved.

    python compare.py [--json] [--alone] [--latency 0.15]

"Before" is counted by the vendor. "After" is counted from the ledger's events and must agree with the vendor's own
counters, or this exits with 1; so it does if a script does not say the same as it did before. Seconds at the vendor are
the vendor's for both.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vendor import Vendor

HERE = Path(__file__).parent
SCRIPTS = ("watchlist", "risk_check", "stop_watch", "news_digest", "morning_report")
FILES = ("watchlist.csv", "digest.txt")
ADDRESS = "http://127.0.0.1:8765"
SECRET = "open-sesame-of-the-example"  # noqa: S105 - the vendor is ours, and ends with this script


@contextmanager
def a_vendor(latency_s: float) -> Iterator[Vendor]:
    vendor = Vendor(0, SECRET, latency_s=latency_s)
    thread = threading.Thread(target=vendor.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        vendor.shutdown()
        thread.join()
        vendor.server_close()


def at_eight(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Start all five at once, as cron does at 8:00, and return what they said and how long the last one took."""
    began = time.monotonic()
    running = {
        name: subprocess.Popen(
            [sys.executable, f"{name}.py"], cwd=folder, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
        )
        for name in SCRIPTS
    }
    said = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
    failed = [name for name, process in running.items() if process.returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    lines = {
        name: [line for line in text.splitlines() if not line.startswith("::result")] for name, text in said.items()
    }
    files = {name: (folder / name).read_text(encoding="utf-8") for name in FILES}
    return {"said": lines | files, "took_s": time.monotonic() - began}


def before(folder: Path, latency_s: float) -> dict[str, Any]:
    shutil.copytree(HERE / "before", folder)
    with a_vendor(latency_s) as vendor:
        ran = at_eight(folder, {"VENDOR_URL": vendor.url, "VENDOR_SECRET": SECRET})
        return ran | {"vendor": dict(vendor.counts)}


def after(folder: Path, latency_s: float, *, alone: bool) -> dict[str, Any]:
    shutil.copytree(HERE / "after", folder)
    manifest = folder / "steersman.toml"
    with a_vendor(latency_s) as vendor:
        manifest.write_text(manifest.read_text(encoding="utf-8").replace(ADDRESS, vendor.url), encoding="utf-8")
        env = {"STEERSMAN_WORKSPACE": str(folder), "VENDOR_SECRET": SECRET}
        if alone:
            ran = at_eight(folder, env)
        else:
            with services(folder, env):
                ran = at_eight(folder, env)
        return ran | {"vendor": dict(vendor.counts), "events": counted(folder)}


@contextmanager
def services(folder: Path, env: dict[str, str]) -> Iterator[None]:
    """Serve logins and data, as the desk does."""
    command = [sys.executable, "-m", "steersman.cli", "serve", "services", "--json", "--dir", str(folder)]
    with subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE) as serving:
        assert serving.stdout is not None  # noqa: S101 - asked for with PIPE
        serving.stdout.readline()
        try:
            yield
        finally:
            serving.terminate()


def counted(folder: Path) -> dict[str, float]:
    """Return what the ledger's events say was asked of the vendor, and what was shared instead."""
    command = [sys.executable, "-m", "steersman.cli", "ledger", "tail", "-n", "1000", "--json", "--types", "services.*"]
    told = subprocess.run([*command, "--dir", str(folder)], capture_output=True, text=True, check=True)
    counts = {"logins": 0, "calls": 0, "bytes": 0, "leases": 0, "served": 0}
    for line in told.stdout.splitlines():
        event = json.loads(line)
        data = event["data"]
        if event["type"] == "services.token.refreshed":
            counts["logins"] += 1
        elif event["type"] == "services.lease.granted":
            counts["leases"] += 1
        elif event["type"] == "services.data.pulled":
            counts["calls"] += data["upstream_calls"]
            counts["bytes"] += data["upstream_bytes"]
            counts["served"] += 1
        elif event["type"] == "services.data.served":
            counts["served"] += data.get("count", 1)
    return counts


def compared(latency_s: float, *, alone: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old, new = before(folder / "before", latency_s), after(folder / "after", latency_s, alone=alone)
    different = [name for name, said in old["said"].items() if said != new["said"][name]]
    unlike = [what for what in ("logins", "calls", "bytes") if new["events"][what] != new["vendor"][what]]
    return {
        "before": old["vendor"] | {"took_s": old["took_s"]},
        "after": new["events"] | {"took_s": new["took_s"], "waited_s": new["vendor"]["waited_s"]},
        "after_by_vendor": new["vendor"],
        "same_output": not different,
        "events_agree_with_vendor": not unlike,
        "problems": [f"{name} says something else" for name in different]
        + [f"{what}: events and vendor differ" for what in unlike],
    }


def show(found: dict[str, Any]) -> None:
    old, new = found["before"], found["after"]
    rows = [("logins", "logins", 0), ("data calls", "calls", 0), ("bytes from the vendor", "bytes", 0)]
    rows += [("seconds at the vendor", "waited_s", 2)]
    print(f"{'five scripts at 8:00':<30}{'before':>12}{'after':>12}{'saved':>12}")
    for label, key, digits in rows:
        print(f"{label:<30}{old[key]:>12,.{digits}f}{new[key]:>12,.{digits}f}{old[key] - new[key]:>12,.{digits}f}")
    print(f"{'seconds until all have ended':<30}{old['took_s']:>12.2f}{new['took_s']:>12.2f}")
    print(
        f"\nthe data was handed out {new['served']:,} times; the same output: {'yes' if found['same_output'] else 'NO'}"
    )
    print(
        f"the ledger's events and the vendor's counters agree: {'yes' if found['events_agree_with_vendor'] else 'NO'}"
    )
    for problem in found["problems"]:
        print(f"problem: {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", action="store_true", help="nobody serves: every script helps itself")
    parser.add_argument("--latency", type=float, default=0.15, help="seconds a request to the vendor takes")
    options = parser.parse_args()
    found = compared(options.latency, alone=options.alone)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    sys.exit(1 if found["problems"] else 0)


if __name__ == "__main__":
    main()
