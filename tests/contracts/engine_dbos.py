"""The dbos engine in tests: a real PostgreSQL server, one worker here and one in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.builders_automation import PYTHON, wait_for
from tests.postgres import a_postgres, missing

from steersman.automation import Engine
from steersman.automation.adapters.dbos import DbosEngine
from steersman.automation.adapters.dbos.settings import DbosSettings
from steersman.automation.adapters.embedded.worker import Register
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of


def in_toml(url: str, **fields: object) -> str:
    """Return the `[engine]` table of a workspace on the database at `url`."""
    more = "".join(f"{key} = {value!r}\n".replace("'", '"') for key, value in fields.items())
    return f'\n[engine]\nkind = "dbos"\ndatabase = "{url}"\n{more}'


@contextlib.contextmanager
def a_worker(root: Path, *, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run `steersman auto engine worker` for the workspace at `root`; yield it once it works."""
    register = Register(root / ".steersman" / "dbos")
    with (log or root / "worker.log").open("ab") as out:
        process = subprocess.Popen(
            [PYTHON, "-m", "steersman.cli", "auto", "engine", "worker", "--dir", str(root)], stdout=out, stderr=out
        )
    try:
        wait_for(lambda: process.poll() is not None or process.pid in {w.pid for w in register.living()}, timeout_s=60)
        assert process.poll() is None, (log or root / "worker.log").read_text()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()


class OnPostgres:
    """Two workers on a server of this test's own. The engine here is one of them and the one that is asked."""

    kind = "dbos"

    def needs(self) -> str:
        return missing()

    @contextlib.contextmanager
    def running(self, desk: Desk) -> Iterator[Engine]:
        root = desk.workspace.root
        with a_postgres() as server:
            toml = root / "steersman.toml"
            # Two processes at once in each worker, so that one alone cannot take everything.
            toml.write_text(
                toml.read_text(encoding="utf-8") + in_toml(server.url, workers=2, max_processes=2), encoding="utf-8"
            )
            settings = DbosSettings(database=server.url, workers=2, max_processes=2)
            engine = DbosEngine(root=root, ledger=desk.ledger, clock=desk.clock, settings=settings)
            try:
                engine.start(manifest_of(desk.workspace), schedules=False)
                with a_worker(root):
                    yield engine
            finally:
                engine.close()


HARNESS = OnPostgres()
