"""`steersman auth` as a person and as a program use it."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.builders_credentials import a_key, private, server, toml
from tests.integration.credentials.test_logins import visit
from tests.oauth_server import OAuthServer

from steersman.bootstrap.desk import open_desk
from steersman.cli.main import run
from steersman.kernel.clock import SystemClock
from steersman.services.credentials import create

__all__ = ["server"]


@pytest.fixture
def desk(server: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a login of each sort, sealed with a key of the environment: a tester's keyring is left alone."""
    monkeypatch.setenv("STEERSMAN_KEY", a_key())
    browser = {"authorize_url": f"{server.url}/authorize", "device_url": f"{server.url}/device"}
    text = (
        toml(tmp_path, server, "client", "oauth2_client")
        + toml(tmp_path, server, "refresh", "oauth2_refresh")
        + toml(tmp_path, server, "person", "oauth2_code", client_id="public", client_secret=None, **browser)
        + '[provider.key]\nkind = "api_key"\n'
        + f'[provider.filed]\nkind = "api_key"\nkey = "{private(tmp_path, "api.key", "filed-key")}"\n'
    )
    (tmp_path / "steersman.toml").write_text(text)
    return tmp_path


def auth(capsys: pytest.CaptureFixture[str], desk: Path, *arguments: str) -> tuple[int, Any, str]:
    """Run a command with --json; return its code, what it printed and what it said."""
    code = run("auth", [*arguments, "--dir", str(desk), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.strip() else None, err


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_pasted_refresh_token_logs_in_and_is_shown_nowhere(
    desk: Path, server: OAuthServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = server.new_login()
    piped(monkeypatch, secret + "\n")
    code, said, err = auth(capsys, desk, "login", "refresh", "--stdin")
    assert (code, said["flow"], said["sealed_with"]) == (0, "paste", "environment")
    assert secret not in json.dumps(said) + err


def test_a_refused_token_exits_1_and_names_the_next_step(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "not-a-token")
    code, said, err = auth(capsys, desk, "login", "refresh", "--stdin")
    assert (code, said["error"], said["fix"]) == (1, "Rejected", "steersman auth login refresh")
    assert "not-a-token" not in err


def test_a_refused_paste_leaves_the_login_that_was_there(
    desk: Path, server: OAuthServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, server.new_login())
    assert auth(capsys, desk, "login", "refresh", "--stdin")[0] == 0
    piped(monkeypatch, "not-a-token")
    code, said, _ = auth(capsys, desk, "login", "refresh", "--stdin")
    assert (code, "the login from before is still there" in said["message"]) == (1, True)
    server.expire_all()
    (shown,) = [p for p in auth(capsys, desk, "status")[1]["providers"] if p["provider"] == "refresh"]
    assert (shown["state"], shown["problem"]) == ("ready", "")
    assert auth(capsys, desk, "login", "refresh", "--stdin")[0] == 2, "nothing piped in"
    opened = open_desk(desk)
    providers, ledger = opened.workspace.providers, opened.ledger
    broker = create(root=desk, state=opened.workspace.services, providers=providers, ledger=ledger, clock=SystemClock())
    assert broker.lease("refresh", who="test").secret.startswith("planted-")
    broker.close()
    opened.close()


def test_the_browser_flow_prints_the_address_whole(
    desk: Path, capsys: pytest.CaptureFixture[str], server: OAuthServer
) -> None:
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(run("auth", ["login", "person", "--no-browser", "-C", str(desk)]))
    )
    thread.start()
    shown, clock = "", SystemClock()
    until = clock.elapsed_ns() + 20_000_000_000
    while not (address := re.search(r"^http://\S+$", shown, re.MULTILINE)) and clock.elapsed_ns() < until:
        shown += capsys.readouterr().err
        threading.Event().wait(0.02)
    assert address
    assert "Open this address" in shown
    assert visit(address.group())[0] == 200
    thread.join(20)
    assert found == [0]
    assert "logged in, and a token came. Next: steersman token person" in capsys.readouterr().out


def test_the_device_flow_shows_a_code(desk: Path, capsys: pytest.CaptureFixture[str], server: OAuthServer) -> None:
    server.authority.device_answers = ["granted"]
    code, said, err = auth(capsys, desk, "login", "person", "--device")
    assert (code, said["flow"]) == (0, "device")
    assert re.search(r"^    [B-Z]{4}-[B-Z]{4}$", err, re.MULTILINE)


def test_a_login_that_needs_nobody_is_tried(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = auth(capsys, desk, "login", "client")
    assert (code, said["flow"]) == (0, "none")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login", "client", "--stdin"], "takes no secret from a person"),
        (["login", "refresh", "--device"], "has no device flow"),
        (["login", "person", "--device", "--stdin"], "found --device and --stdin"),
        (["login", "nobody"], "there is no provider 'nobody'; declared: client, refresh, person, key, filed"),
        (["login", "refresh"], "needs a secret from a person"),
        (["rotate", "--to", "cloud"], "found --to 'cloud'"),
        (["rotate"], "STEERSMAN_KEY holds no new key"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_is_allowed(
    arguments: list[str], said: str, desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "")
    code, _, err = auth(capsys, desk, *arguments)
    assert code == 2
    assert said in err
    assert "fix:" in err


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "x" * 70_000, "ünïcode"])
def test_what_is_no_token_is_not_taken(
    text: str, desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, text)
    code, _, err = auth(capsys, desk, "login", "key", "--stdin")
    assert code == 2
    assert "characters that are no token" in err
    assert not text or text not in err


def test_status_says_for_each_login_how_it_does_and_what_sharing_saved(
    desk: Path, server: OAuthServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with_desk = open_desk(desk)
    broker = create(
        root=desk,
        state=with_desk.workspace.services,
        providers=with_desk.workspace.providers,
        ledger=with_desk.ledger,
        clock=with_desk.clock,
    )
    for run_id in ("r1", "r1", "r2", "r3"):
        broker.lease("client", who="automation:prices", run_id=run_id)
    broker.lease("client", who="person:cli")
    with_desk.close()
    code, said, _ = auth(capsys, desk, "status")
    assert code == 0
    states = {row["provider"]: row["state"] for row in said["providers"]}
    assert states == {
        "client": "ready", "refresh": "login_required", "person": "login_required", "key": "login_required",
        "filed": "idle",
    }  # fmt: skip
    [use] = said["usage"]
    assert (use["leases"], use["refreshes"], use["starts"], use["logins_saved"]) == (5, 1, 4, 3)
    assert [(s["who"], s["leases"], s["runs"]) for s in said["scripts"]] == [
        ("automation:prices", 4, 3),
        ("person:cli", 1, 1),
    ]
    assert said["key"]["place"] == "environment"


def test_the_table_fits_80_columns(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("auth", ["login", "client", "-C", str(desk)]) == 0
    assert run("auth", ["status", "--scripts", "-C", str(desk)]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "steersman auth login person" in out


def test_logging_out_asks_first_and_revokes(
    desk: Path, server: OAuthServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, server.new_login())
    auth(capsys, desk, "login", "refresh", "--stdin")
    code, said, _ = auth(capsys, desk, "logout", "refresh")
    assert (code, said["fix"]) == (1, "add --yes")
    code, said, _ = auth(capsys, desk, "logout", "refresh", "--yes")
    assert (code, said) == (0, {"provider": "refresh", "had_login": True, "revoked": True})
    assert server.authority.revocations == 1
    assert auth(capsys, desk, "logout", "refresh", "--yes")[1]["had_login"] is False


def test_rotating_moves_the_key_and_keeps_the_logins(
    desk: Path, server: OAuthServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    auth(capsys, desk, "login", "client")
    code, said, _ = auth(capsys, desk, "rotate", "--to", "file")
    assert (code, said["resealed"], said["place"]) == (0, 1, "file")
    monkeypatch.delenv("STEERSMAN_KEY")
    auth(capsys, desk, "login", "client")
    assert len(server.token_calls) == 1


def test_status_says_how_logins_do_where_nothing_can_be_counted(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = desk / ".steersman"
    auth(capsys, desk, "status")
    for found in state.glob("projections*"):
        found.unlink()
    (state / "projections.db").mkdir()
    code, said, err = auth(capsys, desk, "status")
    assert (code, said["usage"], said["scripts"]) == (0, [], [])
    assert {row["provider"] for row in said["providers"]} >= {"refresh"}
    assert "projections.db cannot be written" in err
