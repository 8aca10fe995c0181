"""`steersman serve`: logins and data for scripts, without the rest of the desk."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import closing

from steersman.cli.context import HERE, AsJson, Dir, noun
from steersman.kernel.errors import SteersmanError

app = noun("Serve logins and data to scripts, without the rest of the desk.")


@app.command(short_help="Answer scripts until Ctrl-C.")
def services(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Answer scripts on the workspace's socket until Ctrl-C; `steersman up` does so by itself."""
    from steersman.bootstrap.desk import open_desk  # `--help` needs no workspace
    from steersman.bootstrap.services import serving

    stop = threading.Event()
    # A terminal that is closed says SIGHUP: what was counted must be written then, too.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with closing(open_desk(directory)) as desk, serving(desk):
        workspace = desk.workspace
        served = {"providers": len(workspace.providers), "pulls": len(workspace.pulls.pulls)}
        said = f"{workspace.desk.name}: {served['providers']} logins and {served['pulls']} pulls; Ctrl-C stops it"
        print(json.dumps({"socket": str(workspace.services_socket), **served}) if as_json else said, flush=True)
        stop.wait()


@app.command(hidden=True)
def once(directory: Dir = HERE) -> None:
    """Answer the one question on standard input, for clients that find nobody who serves."""
    from steersman.bootstrap.asking import here
    from steersman.services.serving import protocol

    line = sys.stdin.buffer.readline(protocol.LARGEST_REQUEST + 1)
    try:
        protocol.question(line)
        answer = protocol.answered(here(directory, json.loads(line)))
    except SteersmanError as exc:
        answer = protocol.refused(exc)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
