"""kill -9 at every durable step of a refresh and of a change of keys: nothing is lost or used twice unknowingly."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders_credentials import WHO, FilePlaces, a_broker, a_client, a_refresh, clock, events, server, toml
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Rejected
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

__all__ = ["clock", "server"]
pytestmark = pytest.mark.crash

# A process that leases once and is killed at the named step: patched here, so the product has no hook for it.
VICTIM = """
import os, signal, sys
from pathlib import Path
from tests.builders_credentials import a_broker, providers
from steersman.ledger.adapters.sqlite import create
from steersman.services.credentials import files, provider, refresh, store

root, step = Path(sys.argv[1]), sys.argv[2]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def die_after(real):
    def call(*args, **kwargs):
        real(*args, **kwargs)
        die()
    return call
R = refresh.Refresher
if step == "before the request":
    R._intend = die_after(R._intend)
elif step == "answered, not stored":
    R.keep = die
elif step == "written beside, not moved":
    real = files.os.fsync
    count = [0]
    def fsync(handle):
        real(handle)
        count[0] += 1
        # Key file and its folder are there already: intent (file, folder), then the file that matters.
        if count[0] == 3:
            die()
    files.os.fsync = fsync
elif step == "stored, not recorded":
    R._say_refreshed = die
elif step == "recorded, not handed out":
    R._say_refreshed = die_after(R._say_refreshed)
ledger = create(root / "ledger.db")
broker = a_broker(root, providers((root / "p.toml").read_text(), root), ledger=ledger)
broker.lease("acme", who="automation:victim")
print("survived")
"""
KEPT = ("stored, not recorded", "recorded, not handed out")
LOST = ("answered, not stored", "written beside, not moved")


def killed(root: Path, server: OAuthServer, step: str) -> None:
    """Log in, then lease in a process that is killed at `step`."""
    text = toml(root, server, "acme", "oauth2_refresh")
    (root / "p.toml").write_text(text)
    a_broker(root, a_refresh(root, server)).paste("acme", server.new_login())
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, str(root), step], capture_output=True, text=True, check=False
    )
    assert (victim.returncode, victim.stdout) == (-signal.SIGKILL, ""), victim.stderr


@pytest.mark.parametrize("step", KEPT)
def test_what_was_stored_is_used_after_a_kill(step: str, server: OAuthServer, tmp_path: Path) -> None:
    killed(tmp_path, server, step)
    ledger = sqlite_ledger(tmp_path / "ledger.db")
    lease = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger).lease("acme", who=WHO)
    assert server.route("GET", "/api", {}, {"Authorization": lease.header_value})[0] == 200
    assert (len(server.token_calls), server.invalid_grants, server.authority.reuses) == (1, 0, 0)
    ledger.close()


def test_a_kill_before_the_request_costs_nothing(server: OAuthServer, tmp_path: Path) -> None:
    killed(tmp_path, server, "before the request")
    ledger = memory_ledger()
    assert a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger).lease("acme", who=WHO).secret
    assert server.authority.reuses == 0
    assert "was never stored" in events(ledger, "services.token.failed")[0][1]["problem"]


@pytest.mark.parametrize("step", LOST)
def test_a_lost_answer_is_said_before_the_old_token_is_tried_and_ends_in_a_login(
    step: str, server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    killed(tmp_path, server, step)
    ledger, declared = memory_ledger(), a_refresh(tmp_path, server)
    broker = a_broker(tmp_path, declared, ledger=ledger, clock=clock)
    for _ in range(3):
        with pytest.raises(Rejected, match="the answer to the refresh before this one was lost") as caught:
            broker.lease("acme", who=WHO)
        clock.advance(600)
    assert caught.value.fix == "steersman auth login acme"
    assert [kind for kind, _ in events(ledger)] == ["token.failed", "reauth_required"]
    # The spent token was sent once more, knowingly, for it was all there was; never again after that.
    assert server.authority.reuses == 1
    assert len(server.token_calls) == 2
    broker.paste("acme", server.new_login())
    assert broker.lease("acme", who=WHO).secret


def test_a_lost_answer_is_harmless_where_tokens_are_not_rotated(server: OAuthServer, tmp_path: Path) -> None:
    server.authority.rotates = False
    killed(tmp_path, server, "answered, not stored")
    assert a_broker(tmp_path, a_refresh(tmp_path, server)).lease("acme", who=WHO).secret


ROTATION = """
import os, signal, sys
from pathlib import Path
from tests.builders_credentials import a_broker, providers
from steersman.ledger.adapters.memory import create
from steersman.services.credentials import files

root, step = Path(sys.argv[1]), int(sys.argv[2])
count = [0]
real = files.os.fsync
def fsync(handle):
    count[0] += 1
    if count[0] == step:
        os.kill(os.getpid(), signal.SIGKILL)
    real(handle)
files.os.fsync = fsync
a_broker(root, providers((root / "p.toml").read_text(), root)).rotate()
print(count[0])
"""


def test_a_rotation_killed_at_each_of_its_steps_leaves_every_login_open(server: OAuthServer, tmp_path: Path) -> None:
    names = ("one", "two", "three")
    text = "".join(toml(tmp_path, server, name, "oauth2_client") for name in names)
    (tmp_path / "p.toml").write_text(text)
    declared = {n: s for name in names for n, s in a_client(tmp_path, server, name).items()}
    for name in names:
        a_broker(tmp_path, declared).lease(name, who=WHO)
    step, ended = 0, False
    while not ended:
        step += 1
        ran = subprocess.run(
            [sys.executable, "-c", ROTATION, str(tmp_path), str(step)], capture_output=True, text=True, check=False
        )
        ended = ran.returncode == 0
        assert ended or ran.returncode == -signal.SIGKILL, ran.stderr
        for name in names:
            a_broker(tmp_path, declared).lease(name, who=WHO)
    assert step > 8
    assert len(server.token_calls) == len(names), "every login opened after every kill"
    ring = FilePlaces(tmp_path / ".steersman" / "services", environ={})
    chosen = ring.chosen()
    assert chosen is not None
    found = ring.load(chosen)
    assert found is not None
    assert len(found.keys) == 1
