"""Two machines at the command line: one login for both, and keys that a person carries from one to the other."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.builders_credentials import FilePlaces, events, server, toml
from tests.oauth_server import OAuthServer

from steersman.bootstrap.desk import open_desk
from steersman.bootstrap.services import serving
from steersman.cli.main import run
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Misconfigured
from steersman.services.commons.adapters import memory
from steersman.services.credentials.keychain import Keychain

__all__ = ["server"]
SHARED = '[shared]\nkind = "memory"\nnamespace = "cli"\nmachine = "{name}"\n'


@pytest.fixture
def commons(monkeypatch: pytest.MonkeyPatch) -> memory.MemoryServer:
    """The server that `kind = "memory"` reaches in this process, durable for once."""
    made = memory.MemoryServer()
    monkeypatch.setitem(memory._SERVERS, "cli", made)
    return made


@pytest.fixture
def machines(
    server: OAuthServer, tmp_path: Path, commons: memory.MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Two workspaces with a key file of their own each, whatever keyring the machine of the tests has."""
    monkeypatch.delenv("STEERSMAN_KEY", raising=False)
    made = []
    for name in ("attic", "cellar"):
        root = tmp_path / name
        root.mkdir()
        (root / "steersman.toml").write_text(toml(root, server, "acme", "oauth2_refresh") + SHARED.format(name=name))
        state = root / ".steersman" / "services"
        Keychain(state, FilePlaces(state, environ={}), SystemClock()).ring()
        made.append(root)
    return made[0], made[1]


def auth(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> tuple[int, str, str]:
    code = run("auth", [*arguments, "--dir", str(root)])
    out, err = capsys.readouterr()
    return code, " ".join(out.split()), " ".join(err.split())


def test_keys_are_carried_by_hand_and_then_one_login_serves_both(
    machines: tuple[Path, Path],
    server: OAuthServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attic, cellar = machines
    monkeypatch.setattr("sys.stdin", io.StringIO(server.new_login()))
    assert auth(capsys, attic, "login", "acme", "--stdin")[0] == 0

    code, said, _ = auth(capsys, cellar, "status")
    assert code == 0
    assert "the login acme lies in memory at the memory of this process, sealed by attic with the key" in said
    assert "acme oauth2_refresh failing" in said
    assert "nobody is logged in" not in said, "somebody is, and a login here would be refused"
    assert "steersman auth key export FILE" in said
    assert "shared with the other machines through memory at" in said

    carried = tmp_path / f"keys-{'x' * 90}.txt"  # a path longer than a line is shown whole all the same
    code, said, _ = auth(capsys, attic, "key", "export", str(carried))
    assert code == 0
    assert "1 key in" in said
    assert carried.stat().st_mode & 0o777 == 0o600
    code, said, _ = auth(capsys, cellar, "key", "import", str(carried))
    assert code == 0
    assert "new here:" in said
    assert f"Next: delete {carried}" in said

    code, said, _ = auth(capsys, cellar, "status")
    assert "acme oauth2_refresh ready" in said
    run("token", ["acme", "--dir", str(cellar)])
    out, _ = capsys.readouterr()
    assert out.strip() in server.authority.by_access
    assert len(server.token_calls) == 1
    assert key_ids(capsys, cellar)[0] == key_ids(capsys, attic)[0]

    told = carried.read_text().strip()
    for root, kind in ((attic, "keys.exported"), (cellar, "keys.imported")):
        desk = open_desk(root)
        assert [k for k, _ in events(desk.ledger, "services.keys.*")] == [kind]
        assert told.encode() not in b"".join(e.data for e in desk.ledger.read())
        desk.close()


def key_ids(capsys: pytest.CaptureFixture[str], root: Path) -> list[str]:
    run("auth", ["key", "list", "--json", "--dir", str(root)])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    keys: list[str] = found["keys"]
    return keys


def test_keys_overwrite_nothing_and_come_from_no_file_that_others_read(
    machines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attic, cellar = machines
    there = tmp_path / "there"
    there.write_text("mine")
    code, _, said = auth(capsys, attic, "key", "export", str(there))
    assert (code, there.read_text()) == (1, "mine")
    assert "is there already" in said
    there.chmod(0o644)
    code, _, said = auth(capsys, cellar, "key", "import", str(there))
    assert code == 2
    assert "is open to others than its owner (mode 0644" in said
    there.chmod(0o600)
    code, _, said = auth(capsys, cellar, "key", "import", str(there))
    assert code == 2
    assert "key 1 is not base64 of 32 bytes" in said
    assert "mine" not in said.replace(str(there), "")
    assert auth(capsys, cellar, "key", "import", str(tmp_path / "gone"))[0] == 2


def test_keys_of_the_environment_are_changed_there(
    machines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attic, cellar = machines
    carried = tmp_path / f"keys-{'x' * 90}.txt"  # a path longer than a line is shown whole all the same
    assert auth(capsys, attic, "key", "export", str(carried))[0] == 0
    monkeypatch.setenv("STEERSMAN_KEY", carried.read_text().strip())
    (cellar / ".steersman/services/key-place.json").write_text('{"place":"environment","name":"x"}')
    code, _, said = auth(capsys, cellar, "key", "import", str(carried))
    assert code == 2
    assert "are in STEERSMAN_KEY, which no command can change" in said


def test_a_desk_does_not_serve_logins_through_commons_that_may_forget_them(
    machines: tuple[Path, Path], commons: memory.MemoryServer
) -> None:
    commons.is_durable = False
    desk = open_desk(machines[0])
    with pytest.raises(Misconfigured, match="logins cannot be shared through memory"), serving(desk):
        pass
    desk.close()


def test_status_says_that_the_commons_are_away(
    machines: tuple[Path, Path], commons: memory.MemoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    commons.stop()
    code, said, _ = auth(capsys, machines[0], "status")
    assert code == 0
    assert "which cannot be reached: the commons (the memory of this process) do not answer" in said


def test_a_desk_starts_while_the_commons_are_away(machines: tuple[Path, Path], commons: memory.MemoryServer) -> None:
    commons.stop()
    desk = open_desk(machines[0])
    with serving(desk) as server:
        assert server is not None
    desk.close()
