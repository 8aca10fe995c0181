"""The checking process: one body in, one Arrow file out, then it ends, and with it the memory polars took.

A process of its own also keeps whatever a hostile body does to a parser away from the desk.
Run as `python -m steersman.services.pulls.worker`; the task is JSON on standard input, the outcome JSON on the output.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from steersman.services.pulls.checking import Verdict
from steersman.services.pulls.checks import check
from steersman.services.pulls.decode import Refused, decode
from steersman.services.pulls.model import Schema

# Columns are named as the other side names them: however many and long, they fit into an event.
_MOST: Final = 50
_LONGEST: Final = 500


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to check, and where the Arrow file goes if it passes."""

    body: str
    out: str
    schema: Schema


def work(task: Task) -> Verdict:
    """Check the body, write the file, sync it."""
    try:
        return _work(task)
    except Refused as exc:
        return Verdict(problems=tuple(problem[:_LONGEST] for problem in exc.problems[:_MOST]))
    except OSError as exc:
        return Verdict(hindered=exc.strerror or str(exc)[:_LONGEST])
    except MemoryError:
        return Verdict(hindered="not enough memory")


def _work(task: Task) -> Verdict:
    checked = check(decode(Path(task.body).read_bytes(), task.schema), task.schema)
    out = Path(task.out)
    # Not compressed: only so can readers map the file instead of reading it.
    checked.frame.rechunk().write_ipc(out, compression="uncompressed")
    with out.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Verdict(rows=checked.frame.height, checks=checked.checks, size_bytes=out.stat().st_size, content_hash=digest)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))))
