"""The checking process: `python -m steersman.content.qa.engines.apart_child DESCRIPTOR`, started by apart.py.

The first thing it is sent says which engine to be; each thing after that is a draft. It ends when nobody is there.
"""

from __future__ import annotations

import gc
import signal
import sys
from multiprocessing.connection import Connection

from steersman.content.model.draft import Draft
from steersman.content.qa.engines.which import Which
from steersman.kernel.errors import SteersmanError


def main(descriptor: int) -> None:
    """Answer drafts with what is found in them, or with the error that kept us from it."""
    # Ctrl-C in a terminal goes to the whole group; whoever started us says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(descriptor) as pipe:
        try:
            which: Which = pipe.recv()
            engine = which.made()
            gc.freeze()
            while True:
                draft: Draft = pipe.recv()
                try:
                    pipe.send(engine.check(draft))
                except SteersmanError as exc:
                    pipe.send(exc)
        except (EOFError, ConnectionError):
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
