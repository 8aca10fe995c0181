"""A ledger and its socket, and nothing else: the core's write path for benches and for tests that kill it.

`python -m steersman.bootstrap.served LEDGER SOCKET` prints `ready` and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steersman.ledger.adapters.socket import serve
from steersman.ledger.adapters.socket.server import Committing
from steersman.ledger.adapters.sqlite import SqliteLedger, create


@contextmanager
def served(ledger_path: Path, socket_path: Path) -> Iterator[Committing]:
    """Open the ledger at `ledger_path` as its writer and serve it on `socket_path`; yield it.

    Raises:
        Conflict: another process is the writer.
    """
    ledger = create(ledger_path)
    assert isinstance(ledger, SqliteLedger)  # noqa: S101 - it was opened for writing
    try:
        server = serve(ledger, socket_path)
        try:
            yield ledger
        finally:
            server.close()
    finally:
        ledger.close()


if __name__ == "__main__":
    with served(Path(sys.argv[1]), Path(sys.argv[2])):
        print("ready", flush=True)
        sys.stdin.read()
