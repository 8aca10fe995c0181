"""A flow that starts one process which does nothing, and appends when, and its own peak memory in kB, to a file."""

from __future__ import annotations

import os
import resource
import subprocess
import time

from prefect import flow  # type: ignore[import-not-found,unused-ignore]  # in its own environment


@flow(name="noop", persist_result=False)  # type: ignore[untyped-decorator,unused-ignore]
def noop(due: float) -> None:
    """Start `true`, due at `due` seconds since 1970."""
    started = time.time()  # noqa: TID251 - a peer has no Clock of ours
    subprocess.run(["true"], check=True)
    with open(os.environ["NOOP_STARTS"], "a", encoding="utf-8") as file:  # noqa: PTH123 - one write, at the end
        file.write(f"{due!r} {started!r} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")
