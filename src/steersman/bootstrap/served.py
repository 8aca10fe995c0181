"""A ledger and its socket, and nothing else: the core's write path for benches and for tests that kill it.

`python -m steersman.bootstrap.served LEDGER SOCKET` prints `ready` and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

from steersman.ledger.adapters.socket import serve
from steersman.ledger.adapters.sqlite import SqliteLedger, create


def main(ledger_path: Path, socket_path: Path) -> None:
    """Serve the ledger at `ledger_path` on `socket_path` until standard input ends.

    Raises:
        Conflict: another process is the writer.
    """
    ledger = create(ledger_path)
    assert isinstance(ledger, SqliteLedger)  # noqa: S101 - it was opened for writing
    server = serve(ledger, socket_path)
    try:
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        server.close()
        ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
