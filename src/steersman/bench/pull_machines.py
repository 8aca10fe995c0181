"""What it costs and saves when machines share: two workspaces with nothing in common but a Redis between them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from steersman.bench.measure import in_turns, row_of, seconds
from steersman.bench.pull_parts import pulling
from steersman.bench.pull_provider import counting
from steersman.bench.pull_reader import MEASURED
from steersman.bench.pull_redis import redis_server
from steersman.bench.row import Row, not_measured
from steersman.kernel.errors import Unavailable
from steersman.services.pulls import Puller

_EACH: Final = 4
_RATE: Final = 10
_CALLS: Final = 15
_READS: Final = 300
_ROUNDS: Final = 5
_LARGE: Final = 64_000_000
_COLD: Final = f"calls upstream on a cold key, 2 machines of {_EACH} processes"
_ANY: Final = f"calls in the busiest second at a rate of {_RATE}/s, 2 machines"
_WARM: Final = "a read of fresh data, with commons"
_FETCH: Final = "64 MB that another machine pulled"


def rows(scratch: Path) -> list[Row]:
    """Measure over a Redis that syncs every write; without one, say so."""
    if find_spec("redis") is None:
        return _none("redis-py is not installed: pip install 'steersman[redis]'")
    folder = scratch / "redis"
    folder.mkdir()
    try:
        with redis_server(folder, "--appendonly", "yes", "--appendfsync", "always") as port:
            return [_cold(scratch, port), _busiest(scratch, port), *_warm(scratch, port), _fetched(scratch, port)]
    except Unavailable as exc:
        return _none(str(exc).replace("\n ", ";"))


def _none(reason: str) -> list[Row]:
    return [
        not_measured("pull", _COLD, "calls", 1, reason),
        not_measured("pull", _ANY, "calls", _RATE, reason),
        not_measured("pull", _WARM, "x", 1.2, reason),
        not_measured("pull", _FETCH, "ms", None, reason),
    ]


def _workspace(root: Path, declared: str, port: int | None) -> Path:
    """Make a workspace; each has a state of its own."""
    root.mkdir(parents=True)
    shared = f'[shared]\nkind = "redis"\nurl = "redis://127.0.0.1:{port}/0"\nnamespace = "{root.parent.name}"\n'
    (root / "steersman.toml").write_text(declared + (shared if port else ""), encoding="utf-8")
    return root


def _two(scratch: Path, name: str, declared: str, port: int) -> list[Path]:
    return [_workspace(scratch / name / machine, declared, port) for machine in ("left", "right")]


def _cold(scratch: Path, port: int) -> Row:
    with counting() as (url, calls, open_gate):
        declared = f'[pull.bars]\nurl = "{url}/bars.csv"\nttl = "1h"\n[pull.bars.schema.close]\ntype = "float"\n'
        roots = _two(scratch, "cold", declared, port)
        processes = [
            subprocess.Popen([sys.executable, "-m", MEASURED, "pull", str(root)], stdout=subprocess.PIPE, text=True)
            for root in roots
            for _ in range(_EACH)
        ]
        threading.Timer(2.0, open_gate).start()
        answers = {process.communicate()[0].strip() for process in processes}
    if len(answers) != 1 or "" in answers:
        raise Unavailable(f"the processes were not given the same data: {answers}", fix="this is a bug: report it")
    note = "all given the same bytes, over Redis; the other side answers after 2 s"
    row = row_of("pull", _COLD, [float(len(calls))], "calls", at_most=1, note=note)
    return msgspec.structs.replace(row, met=len(calls) == 1)


def _busiest(scratch: Path, port: int) -> Row:
    with counting() as (url, calls, open_gate), ExitStack() as machines:
        open_gate()
        declared = f'[pull.page]\nurl = "{url}/{{n}}"\nparams = {{ n = 0 }}\nformat = "bytes"\nrate = "{_RATE}/s"\n'
        both = [machines.enter_context(pulling(root)) for root in _two(scratch, "rate", declared, port)]
        asking = [threading.Thread(target=_ask, args=(pulls, number)) for number, pulls in enumerate(both)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    if len(calls) != 2 * _CALLS:
        raise Unavailable(f"{len(calls)} of {2 * _CALLS} calls were made", fix="this is a bug: report it")
    note = f"{2 * _CALLS} calls by both at once, as the other side saw them; over {_span_s(calls):.1f} s"
    return row_of("pull", _ANY, [float(_most_within_a_second(sorted(calls)))], "calls", at_most=_RATE, note=note)


def _ask(pulls: Puller, number: int) -> None:
    for n in range(_CALLS):
        pulls.pull("page", params={"n": str(number * _CALLS + n)}, who="bench")


def _span_s(calls: Sequence[int]) -> float:
    return (max(calls) - min(calls)) / 1e9


def _most_within_a_second(calls: Sequence[int]) -> int:
    return max(sum(first <= at < first + 1_000_000_000 for at in calls) for first in calls)


def _warm(scratch: Path, port: int) -> list[Row]:
    with counting() as (url, _, open_gate), ExitStack() as machines:
        open_gate()
        declared = f'[pull.bars]\nurl = "{url}/bars.bin"\nformat = "bytes"\nttl = "1h"\n'
        shared = machines.enter_context(pulling(_workspace(scratch / "warm" / "shared", declared, port)))
        alone = machines.enter_context(pulling(_workspace(scratch / "warm" / "alone", declared, None)))
        turns = in_turns(partial(_cpu_us, shared), partial(_cpu_us, alone), rounds=_ROUNDS)
    note = f"CPU of the process, {_READS} reads each turn: what is fresh asks nobody"
    peer = "the same without commons"
    return [
        row_of("pull", _WARM, turns.ratios, "x", at_most=1.2, compared_with=peer, note=note),
        row_of("pull", _WARM, turns.ours, "µs", note=note),
    ]


def _cpu_us(pulls: Puller) -> float:
    """Return the CPU of one read, microseconds."""
    began = time.process_time_ns()
    for _ in range(_READS):
        pulls.pull("bars", who="bench")
    return (time.process_time_ns() - began) / _READS / 1e3


def _fetched(scratch: Path, port: int) -> Row:
    with counting(bytes(_LARGE)) as (url, calls, open_gate), ExitStack() as machines:
        open_gate()
        declared = f'[pull.large]\nurl = "{url}/large.bin"\nformat = "bytes"\nttl = "1h"\nmax_bytes = "65MB"\n'
        left, right = (machines.enter_context(pulling(root)) for root in _two(scratch, "large", declared, port))
        left.pull("large", who="bench")
        took_ms = seconds(lambda: right.pull("large", who="bench")) * 1000
        if len(calls) != 1:
            raise Unavailable("the other machine asked upstream", fix="this is a bug: report it")
    note = "from Redis on loopback, its hash compared, and put in its place"
    return row_of("pull", _FETCH, [took_ms], "ms", note=note)
