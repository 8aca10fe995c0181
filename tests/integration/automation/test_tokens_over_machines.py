"""Runs on two machines that want one token between them; a process that is killed with it; commons that go away."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests import redis_server
from tests.builders_automation import PYTHON, a_script, an_automation, an_engine, wait_for

from steersman.automation.admission.across_machines import AcrossMachines
from steersman.automation.engine import BaseEngine
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Progress, RunOutcome
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.workspace import load_workspace
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.commons.adapters.redis import create as redis_commons
from steersman.services.commons.adapters.redis.settings import RedisSettings


def across(root: Path, commons: Commons) -> AcrossMachines:
    settings = SharedSettings(kind=commons.kind, namespace="desk", machine=root.name)
    return AcrossMachines(commons, settings, root / ".steersman/services", SystemClock())


def started(root: Path, stack: ExitStack, server: MemoryServer, *jobs: Automation) -> BaseEngine:
    """Return an engine on a machine of its own, whose `api` is one for all machines."""
    engine = an_engine("memory", root, memory_ledger())
    stack.callback(engine.close)
    counted = across(root, MemoryCommons(server))
    engine.start(Manifest(jobs, resources={"api": 1}, over_machines=("api",), across=counted), schedules=False)
    return engine


def test_two_machines_never_use_the_one_token_at_once(tmp_path: Path) -> None:
    # mkdir fails where the other machine's run is within.
    body = f"mkdir {tmp_path}/calling && sleep 0.15 && rmdir {tmp_path}/calling\n"
    server, steps, outcomes = MemoryServer(), list[Progress](), dict[str, RunOutcome]()
    with ExitStack() as stack:
        engines = []
        for name in ("attic", "cellar"):
            root = tmp_path / name
            jobs = [
                an_automation(f"{name}-{n}", run=a_script(root, "call.sh", body), resources={"api": 1}) for n in "ab"
            ]
            engines.append((started(root, stack, server, *jobs), [job.name for job in jobs]))

        def cycle(engine: BaseEngine, names: list[str]) -> None:
            outcomes.update(engine.run_cycle(names, on_progress=steps.append))

        threads = [threading.Thread(target=cycle, args=each) for each in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(outcomes) == 4
    assert all(outcome.ok for outcome in outcomes.values()), outcomes
    notes = {step.note for step in steps if step.state == "waiting"}
    assert any(" on attic" in note for note in notes) or any(" on cellar" in note for note in notes)


def test_a_run_waits_for_commons_that_are_away_and_says_so(tmp_path: Path) -> None:
    server, steps = MemoryServer(), list[Progress]()
    server.stop()
    with ExitStack() as stack:
        job = an_automation(run="true", resources={"api": 1})
        engine = started(tmp_path, stack, server, job)
        thread = threading.Thread(target=engine.run_now, args=("job",), kwargs={"on_progress": steps.append})
        thread.start()
        wait_for(lambda: any("do not answer" in step.note for step in steps if step.state == "waiting"))
        assert not any(step.state == "started" for step in steps)
        server.start()
        thread.join(30)
    assert steps[-1].outcome is not None
    assert steps[-1].outcome.ok


HOLDER = """
import sys, pathlib
from tests.integration.automation.test_tokens_over_machines import across, reached
counted = across(pathlib.Path(sys.argv[1]), reached(sys.argv[2]))
print(repr(counted.take("x-1", "x", {"api": 1}, {"api": 1}, may_hold=True)), flush=True)
sys.stdin.read()
"""


def reached(url: str) -> Commons:
    settings = RedisSettings(namespace="desk", url=url, lease="1s")
    return redis_commons(settings, root=Path(), clock=SystemClock())


def test_a_process_that_was_killed_holds_nothing_on_its_machine_and_is_missed_on_others(tmp_path: Path) -> None:
    if missing := redis_server.missing():
        pytest.skip(missing)
    with redis_server.a_redis() as server, closing(reached(server.url)) as commons:
        words = [PYTHON, "-c", HOLDER, str(tmp_path / "attic"), server.url]
        holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "''\n"
            cellar = across(tmp_path / "cellar", commons)
            said = cellar.take("y-1", "y", {"api": 1}, {"api": 1}, may_hold=True)
            assert said == "waits for api: held by x-1 on attic"
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.communicate()
        # Another process of that machine sees at once that it is gone; the others would by its silence.
        attic = across(tmp_path / "attic", commons)
        assert (
            attic.take("z-1", "z", {"api": 1}, {"api": 1}, may_hold=True) == "waits for api: y-1 on cellar came first"
        )
        wait_for(lambda: cellar.take("y-1", "y", {"api": 1}, {"api": 1}, may_hold=True) == "")


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            "api = { amount = 1, shared = true }",
            "resources.api: found shared = true, and no .shared.: there is nothing",
        ),
        ("cpu = { amount = 1, shared = true }", "resources.cpu: found shared = true: each machine has its own"),
        ("api = { amount = 0, shared = true }", "resources.api: found 0, allowed: 1 to 10000"),
        ("api = { shared = true }", "resources.api"),
        ('api = "one"', "resources.api"),
        ("api = true", "resources.api"),
        ("api = { amount = 1, over = 2 }", "resources.api"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_line(resources: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "steersman.toml").write_text(f"[resources]\n{resources}\n")
    with pytest.raises(Misconfigured, match=rf"steersman\.toml:2.*{said}"):
        manifest_of(load_workspace(tmp_path))


def test_a_resource_is_counted_over_machines_if_it_says_so(tmp_path: Path) -> None:
    shared = '[shared]\nkind = "memory"\nnamespace = "desk"\n'
    text = f"[resources]\napi = {{ amount = 1, shared = true }}\ndisk = 2\nslow = {{ amount = 3 }}\n{shared}"
    (tmp_path / "steersman.toml").write_text(text)
    manifest = manifest_of(load_workspace(tmp_path))
    assert manifest.over_machines == {"api"}
    assert {name: manifest.resources[name] for name in ("api", "disk", "slow")} == {"api": 1, "disk": 2, "slow": 3}
    assert manifest.across is manifest_of(load_workspace(tmp_path)).across, "one speaks for a whole process"
