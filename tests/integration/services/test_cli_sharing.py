"""`steersman token`, `pull` and `serve` as they are typed."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.builders_sharing import SECRET, Sharing

from steersman.cli.token import variables


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Sharing:
    return Sharing(tmp_path_factory.mktemp("sharing"))


def test_a_pipe_is_given_the_bare_secret_a_header_or_variables(sharing: Sharing) -> None:
    assert sharing.command("token", "shop").stdout == f"{SECRET}\n"
    assert sharing.command("token", "shop", "--format", "header").stdout == f"Authorization: Bearer {SECRET}\n"
    assert f"export SHOP_TOKEN={SECRET}\n" in sharing.command("token", "shop", "--format", "env").stdout
    lease = json.loads(sharing.command("token", "shop", "--json").stdout)
    assert (lease["secret"], lease["provider"]) == (SECRET, "shop")
    assert 0 < lease["left_s"] <= 60


def test_a_command_gets_the_lease_in_its_environment_and_gives_its_exit_code(sharing: Sharing) -> None:
    done = sharing.command("token", "shop", "--exec", "sh", "-c", 'printf %s "$SHOP_TOKEN" | wc -c; exit 7')
    assert (done.stdout.strip(), done.returncode) == (str(len(SECRET)), 7)
    assert sharing.command("token", "shop", "--exec", "no-such-command").returncode == 2


def test_variables_of_a_login_whose_name_begins_with_a_digit_can_be_set() -> None:
    lease = {"provider": "2nd-shop", "secret": SECRET, "expires_at": 0, "fields": {"id": "me"}}
    assert list(variables(lease)) == ["_2ND_SHOP_TOKEN", "_2ND_SHOP_EXPIRES_AT", "_2ND_SHOP_ID"]


def test_a_person_is_shown_no_secret_unless_asked(sharing: Sharing) -> None:
    before = len(sharing.events("services.lease.granted"))
    code, shown = _on_a_terminal(sharing, "token", "shop")
    assert code == 1
    assert SECRET not in shown
    assert "--show" in shown
    assert len(sharing.events("services.lease.granted")) == before, "nothing was leased"
    code, shown = _on_a_terminal(sharing, "token", "shop", "--show")
    assert (code, SECRET in shown) == (0, True)


def _on_a_terminal(sharing: Sharing, *arguments: str) -> tuple[int, str]:
    """Run the command with a terminal as its output; return its exit code and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(sharing.root)
        os.execve(sys.executable, [sys.executable, "-m", "steersman.cli", *arguments], sharing.env)  # noqa: S606 - no shell
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass  # Linux says so when the other side of a terminal is closed
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("token", "shoe"), 2, "no provider 'shoe'"),
        (("token", "shop", "--format", "xml"), 2, "no format 'xml'"),
        (("token", "shop", "--format", "credential_process"), 2, "no AWS-style login"),
        (("token", "shop", "--exec"), 2, "no command after --exec"),
        (("token", "shop", "ls"), 2, "without --exec"),
        (("pull", "candles"), 2, "candles"),
        (("pull", "bars", "--param", "day"), 2, "--param NAME=VALUE"),
        (("pull", "bars", "--max-age", "soon"), 2, "--max-age soon"),
        (("pull", "bars", "--format", "xml"), 2, "no format 'xml'"),
        (("pull", "bars", "--out", "nowhere/x.csv"), 2, "cannot be written"),
        (("pull", "bars", "--out", "x.xlsx"), 2, "a table is written as csv, json, arrow"),
        (("pull",), 2, "no NAME"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_named_with_its_fix(sharing: Sharing, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = sharing.command(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "fix: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_preview_fits_a_terminal_and_says_what_was_checked(sharing: Sharing) -> None:
    shown = sharing.command("pull", "bars").stdout
    assert "2 rows" in shown
    assert "checked once: " in shown
    assert all(len(line) <= 80 for line in shown.splitlines()[2:])
    assert "2    3.5" in shown


@pytest.mark.parametrize("kind", ["csv", "json", "arrow"])
def test_data_is_written_whole_in_the_format_of_the_file(sharing: Sharing, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"bars.{kind}"
    done = sharing.command("pull", "bars", "--out", str(out))
    assert done.returncode == 0, done.stderr
    read: dict[str, Callable[[Path], pl.DataFrame]] = {
        "csv": pl.read_csv,
        "json": pl.read_json,
        "arrow": pl.read_ipc,
    }
    assert read[kind](out).to_dicts() == [{"day": 1, "close": 2.5}, {"day": 2, "close": 3.5}]
    assert os.listdir(tmp_path) == [out.name]  # noqa: PTH208 - names are what this is about


def test_a_pipe_is_given_nothing_but_the_data(sharing: Sharing) -> None:
    assert sharing.command("pull", "bars", "--out", "-").stdout == "day,close\n1,2.5\n2,3.5\n"


def test_json_gives_the_receipt_and_the_place(sharing: Sharing) -> None:
    told = json.loads(sharing.command("pull", "bars", "--json").stdout)
    assert told["receipt"]["rows"] == 2
    assert Path(told["path"]).is_file()


def test_the_source_is_asked_again_when_told_so(sharing: Sharing) -> None:
    sharing.command("pull", "bars")
    before = sharing.asked
    sharing.command("pull", "bars")
    assert sharing.asked == before
    assert json.loads(sharing.command("pull", "bars", "--max-age", "0s", "--json").stdout)["state"] == "pulled"
    assert sharing.asked == before + 1


def test_the_status_of_pulls_is_a_table_and_json(sharing: Sharing) -> None:
    assert "bars" in sharing.command("pull", "--status").stdout
    (row,) = json.loads(sharing.command("pull", "--status", "--json").stdout)
    assert row["pull"] == "bars"


def test_doctor_tells_about_the_services(sharing: Sharing) -> None:
    found = {row["name"]: row for row in json.loads(sharing.command("doctor", "--json").stdout)}
    assert found["services"]["level"] == "warn"
    assert "serve services" in found["services"]["fix"]
    with sharing.served() as server:
        found = {row["name"]: row for row in json.loads(sharing.command("doctor", "--json").stdout)}
    assert found["services"]["found"] == f"process {server.pid} answers scripts"
    assert {"login keys", "logins", "data", "pulls"} <= set(found)
