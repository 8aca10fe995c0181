"""How late and how dear N no-op processes are on a Prefect server of its own with one process worker.

    python noop_flows.py RUNS [SPACING_S]

Starts server and worker with a home of their own on a free loopback port, schedules RUNS flow runs SPACING_S apart
(default 4: a flow run costs more than two seconds of CPU), waits for all, and prints one JSON object on the last line.
Lateness is counted to the moment in which the flow starts its process. Runs in Prefect's environment; needs the
standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
READY_S = 180.0
FIRST_IN_S = 15.0


class Server:
    """A server with its worker; `ask` is its API."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self.home = home
        self.starts = home / "starts"
        self.starts.touch()
        began = time.monotonic()
        self.server = self._spawn("server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
        while not self._answers():
            if self.server.poll() is not None or time.monotonic() - began > READY_S:
                raise SystemExit(f"the server did not start: {(home / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        self.ready_s = time.monotonic() - began
        self.ask("POST", "/work_pools/", {"name": "bench", "type": "process"})
        began = time.monotonic()
        self.worker = self._spawn("worker", "start", "--pool", "bench", "--type", "process", "--name", "w")
        while not self.ask("POST", "/work_pools/bench/workers/filter", {}):
            time.sleep(0.05)
        self.worker_ready_s = time.monotonic() - began

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        env |= {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "NOOP_STARTS": str(self.starts),
        }
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/health") is True
        except OSError:
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded answer; one that says "later" is asked for again."""
        raw = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, data=raw, method=method, headers={"Content-Type": "application/json"}
        )
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as exc:
                if exc.code != 503:
                    raise SystemExit(f"{method} {path}: {exc.code} {exc.read()[:500]!r}") from exc
                time.sleep(0.2)
        raise SystemExit(f"{method} {path}: busy for ever")

    def stop(self) -> None:
        for process in (self.worker, self.server):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def main() -> None:
    runs = int(sys.argv[1])
    spacing_s = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    home = Path(tempfile.mkdtemp(prefix="prefect-bench-"))
    server = Server(home)
    try:
        found = measure(server, runs, spacing_s)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(found))


def measure(server: Server, runs: int, spacing_s: float) -> dict[str, Any]:
    """Schedule the runs, wait until all have ended, and return the figures."""
    flow = server.ask("POST", "/flows/", {"name": "noop"})["id"]
    body = {"name": "noop", "flow_id": flow, "work_pool_name": "bench", "entrypoint": f"{HERE / 'noop.py'}:noop"}
    # The command is what Prefect starts by default; naming it spares each run a process that finds out how to.
    body["job_variables"] = {"working_dir": str(server.home), "command": f"{sys.executable} -m prefect.engine"}
    body["enforce_parameter_schema"] = False
    deployment = server.ask("POST", "/deployments/", body)["id"]
    before = cpu_s(server.server.pid), cpu_s(server.worker.pid)
    began = time.time()  # noqa: TID251 - a peer has no Clock of ours
    for number in range(runs):
        due = began + FIRST_IN_S + number * spacing_s
        at = datetime.fromtimestamp(due, UTC).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": at}}
        path = f"/deployments/{deployment}/create_flow_run"
        server.ask("POST", path, {"state": state, "parameters": {"due": due}})
    ended = wait(server, runs, FIRST_IN_S + runs * spacing_s + READY_S)
    spent = cpu_s(server.server.pid) - before[0], cpu_s(server.worker.pid) - before[1]
    told = [tuple(map(float, line.split())) for line in starts(server)]
    late = sorted(start - due for due, start, _ in told)
    return {
        "runs": runs,
        "completed": ended,
        "started": len(late),
        "spacing_s": spacing_s,
        "lateness_s": {
            "p50": at_share(late, 0.5),
            "p99": at_share(late, 0.99),
            "max": at_share(late, 1.0),
            "min": at_share(late, 0.0),
        },
        "early": sum(one < 0 for one in late),
        "wall_s": time.time() - began,  # noqa: TID251 - as above
        "cpu_s_per_run": {"server": spent[0] / runs, "worker_and_flow": spent[1] / runs, "all": sum(spent) / runs},
        "peak_rss_mb": {
            "server": peak_mb(server.server.pid),
            "worker": peak_mb(server.worker.pid),
            "flow": max((kb for *_, kb in told), default=0.0) / 1024,
        },
        "server_ready_s": server.ready_s,
        "worker_ready_s": server.worker_ready_s,
    }


def wait(server: Server, runs: int, limit_s: float) -> int:
    """Return how many completed, once all have ended or the time is up."""
    until = time.monotonic() + limit_s
    ends = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}
    while server.ask("POST", "/flow_runs/count", {"flow_runs": ends}) < runs and time.monotonic() < until:
        time.sleep(1.0)
    completed = {"state": {"type": {"any_": ["COMPLETED"]}}}
    return int(server.ask("POST", "/flow_runs/count", {"flow_runs": completed}))


def starts(server: Server) -> list[str]:
    return server.starts.read_text(encoding="utf-8").splitlines()


def at_share(values: list[float], share: float) -> float | None:
    """Return the value below which `share` (0..1) of the sorted values lie."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def peak_mb(pid: int) -> float:
    """Return the largest resident size a process ever had, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
