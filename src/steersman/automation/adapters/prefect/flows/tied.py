"""Start a command that the kernel ends when the process that asked for it dies, however that dies.

    python -IS tied.py PARENT_PID COMMAND...

Nothing else would end it: a killed parent can no longer pass a signal on. Linux only; standard library only.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    raise SystemExit("the parent died before the start")
os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is the argument, and no shell reads it
