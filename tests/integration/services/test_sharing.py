"""Scripts, a server and the ledger as real processes: one login, one call, whatever happens to whom."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_sharing import SECRET, Sharing

ASK = """
    from steersman.client import pull
    bars = pull("bars")
    print(bars.receipt.content_hash, bars.rows()[1]["close"])
"""


@pytest.fixture
def sharing(tmp_path: Path) -> Sharing:
    return Sharing(tmp_path)


@pytest.mark.parametrize("served", [True, False], ids=["served", "alone"])
def test_eight_processes_on_a_cold_key_ask_once(sharing: Sharing, served: bool) -> None:
    sharing.script(ASK)
    if served:
        with sharing.served(SOURCE_S="0.5"):
            said = _eight(sharing)
    else:
        said = _eight(sharing)
    assert len(set(said)) == 1
    assert sharing.asked == 1
    pulled = sharing.events("services.data.pulled")
    assert [p["upstream_calls"] for p in pulled] == [1]
    served_by_cache = sum(s.get("count", 1) for s in sharing.events("services.data.served"))
    assert served_by_cache == 7
    assert {e["who"] for e in sharing.events("services.data.*")} == {"script:job.py"}


def _eight(sharing: Sharing) -> list[str]:
    running = [sharing.start(SOURCE_S="0.5") for _ in range(8)]
    said = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        said.append(out)
    return said


def test_a_script_goes_on_when_the_server_is_killed_while_it_waits(sharing: Sharing) -> None:
    sharing.script('from steersman.client import pull\nprint(pull("bars").rows()[0]["close"])\n')
    with sharing.served(SOURCE_S="30") as server:
        waiting = sharing.start(SOURCE_S="0")
        wait_for(lambda: sharing.asked == 1)
        server.send_signal(signal.SIGKILL)
        out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (0, "2.5\n"), err


def test_a_script_whose_server_is_killed_and_that_cannot_help_itself_gets_a_clear_problem(sharing: Sharing) -> None:
    sharing.script(
        """
        from steersman.client import Problem, alone, pull
        alone._steersman = lambda: ["steersman-that-is-nowhere"]
        try:
            pull("bars")
        except Problem as problem:
            print(problem)
        """
    )
    with sharing.served(SOURCE_S="30") as server:
        waiting = sharing.start()
        wait_for(lambda: sharing.asked == 1)
        server.send_signal(signal.SIGKILL)
        out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert "nobody serves this workspace" in out
    assert "fix: steersman up" in out


def test_an_event_of_a_script_is_written_once_with_and_without_a_server(sharing: Sharing) -> None:
    sharing.script(
        'from steersman.client import emit, result\nprint(emit("script.report.sent", to=3))\nresult(ok=True)\n'
    )
    with sharing.served():
        assert sharing.run().stdout.endswith('::result {"ok":true}\n')
    assert sharing.run().returncode == 0
    said = sharing.events("script.*")
    assert [(e["to"], e["_actor"]) for e in said] == [(3, "script:job.py")] * 2


def test_a_script_writes_no_event_of_others(sharing: Sharing) -> None:
    forged = '{"op": "emit", "type": "trading.order.filled", "data": {}, "nonce": "abababababababab"}\n'
    sharing.script(
        f"""
        import socket
        link = socket.socket(socket.AF_UNIX)
        link.connect(".steersman/services.sock")
        link.sendall({forged!r}.encode())
        print(link.recv(4096).decode())
        """
    )
    with sharing.served():
        assert json.loads(sharing.run().stdout)["error"] == "Rejected"
    assert sharing.events("trading.*") == []


def test_the_socket_and_its_folder_are_for_their_owner_only(sharing: Sharing) -> None:
    with sharing.served():
        state = sharing.root / ".steersman"
        assert stat.S_IMODE((state / "services.sock").stat().st_mode) == 0o600
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert not (state / "services.sock").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_turned_away_and_that_is_recorded(sharing: Sharing) -> None:
    sharing.script(
        """
        import os, socket
        folder = os.open(".steersman", os.O_PATH)
        link = socket.socket(socket.AF_UNIX)
        os.chmod(".steersman", 0o755), os.chmod(".steersman/services.sock", 0o666)
        os.setuid(65534)
        link.connect(f"/proc/self/fd/{folder}/services.sock")
        try:
            link.sendall(b'{"op":"token","provider":"shop"}\\n')
            print(link.recv(4096))
        except (BrokenPipeError, ConnectionResetError):
            print(b"")
        """
    )
    with sharing.served():
        done = sharing.run()
        assert (done.returncode, done.stdout) == (0, "b''\n"), done.stderr
        wait_for(lambda: sharing.events("services.client.refused"))
    (refused,) = sharing.events("services.client.refused")
    assert refused["uid"] == 65534
    assert sharing.events("services.lease.granted") == []


def test_a_second_server_says_who_serves(sharing: Sharing) -> None:
    with sharing.served() as server:
        done = sharing.command("serve", "services", "--json")
    assert done.returncode == 1
    assert f"process {server.pid} serves" in json.loads(done.stdout)["message"]


def test_a_planted_secret_is_found_in_no_event_log_or_file(sharing: Sharing) -> None:
    sharing.script(
        """
        from steersman.client import Problem, emit, pull, result, token
        lease = token("shop")
        print(lease, [lease], vars(type(lease)).keys() - {"secret"}, pull("bars"))
        for tell in (lambda: emit("script.job.done", note=lease.secret), lambda: result(note=lease.secret)):
            try:
                tell()
            except Problem as problem:
                print(problem)
        result(ok=True)
        """
    )
    with sharing.served() as server:
        outputs = [sharing.run(), sharing.command("auto", "run", "job", "--json"), sharing.command("doctor")]
        outputs += [sharing.command("pull", "bars", "--json"), sharing.command("token", "nope", "--json")]
        outputs += [sharing.command("token", "shop", "--format", "credential_process")]
    assert server.stderr is not None
    texts = [done.stdout + done.stderr for done in outputs]
    texts += [path.read_bytes().decode("utf-8", "replace") for path in _files(sharing.root)]
    texts += [json.dumps(event) for event in sharing.events()]
    assert len(texts) > 12
    encoded = base64.b64encode(SECRET.encode()).decode()
    for text in texts:
        assert SECRET not in text
        assert encoded not in text
    assert sharing.command("token", "shop").stdout == f"{SECRET}\n", "only who asks for it is told"


def _files(root: Path) -> list[Path]:
    """Return every file below the workspace, those of the cache in memory too."""
    sealed = root / ".steersman" / "services"
    assert sealed.is_dir()
    return [path for path in root.rglob("*") if path.is_file()]
