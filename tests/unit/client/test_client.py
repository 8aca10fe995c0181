"""The package scripts import: what it costs, finds, reuses, refuses."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from steersman import client
from steersman.automation.model.result import parse_result
from steersman.client import Problem, data, leases, said
from steersman.client.place import address, nearest, workspace

SECRET = 'a "quoted" secret'


class Services:
    """Stands in for whoever answers; remembers the questions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.left_s = 60.0
        self.frame = "bytes"

    def request(self, op: str, fields: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        assert timeout_s > 0
        self.asked.append((op, json.loads(json.dumps(fields))))
        return {"token": self._lease, "pull": self._data, "emit": self._event}[op]()

    def _event(self) -> dict[str, Any]:
        return {"id": "e-1", "pos": 1}

    def _lease(self) -> dict[str, Any]:
        return {
            "lease_id": f"l-{len(self.asked)}", "provider": "shop", "secret": SECRET, "header": "Authorization",
            "scheme": "Bearer", "fields": {}, "expires_at": 1_700_000_000_000_000_000, "left_s": self.left_s,
        }  # fmt: skip

    def _data(self) -> dict[str, Any]:
        path = self.folder / "frame"
        if not path.exists():
            raise AssertionError("write the frame first")
        receipt = {
            "key": "bars", "source": "https://example.com/bars", "etag": "", "size_bytes": path.stat().st_size,
            "rows": 3 if self.frame == "arrow" else None, "content_hash": "ab" * 32, "schema_version": "1",
            "checks": {"rows": "3 rows"}, "pulled_at": 1_700_000_000_000_000_000,
        }  # fmt: skip
        return {
            "path": str(path),
            "key": "bars",
            "frame": self.frame,
            "state": "fresh",
            "age_s": 1.0,
            "receipt": receipt,
        }


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    stand_in = Services(tmp_path)
    for module in (leases, data, said):
        monkeypatch.setattr(module, "request", stand_in.request)
    monkeypatch.setattr(leases, "_held", {})
    monkeypatch.setattr(said, "_given", False)
    return stand_in


# -- cost ----------------------------------------------------------------------------------------------------------


def test_importing_it_loads_neither_a_framework_nor_the_rest_of_steersman() -> None:
    code = "import sys, steersman.client; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"msgspec", "typer", "rich", "polars", "json", "socket", "subprocess", "typing"} & set(loaded) == set()
    ours = [n for n in loaded if n.startswith("steersman.") and not n.startswith("steersman.client")]
    assert ours == []


@pytest.mark.serial
def test_importing_it_costs_less_than_15_ms_of_cpu() -> None:
    code = "import time; began = time.process_time(); import steersman.client; print(time.process_time() - began)"
    spent = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    assert min(spent) < 0.015


# -- the workspace -------------------------------------------------------------------------------------------------


def test_the_workspace_is_where_the_environment_says_or_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "desk" / "automations").mkdir(parents=True)
    (tmp_path / "desk" / "steersman.toml").touch()
    monkeypatch.delenv("STEERSMAN_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path / "desk" / "automations")
    assert workspace() == str(tmp_path / "desk")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "desk" / "automations" / "job.py")])
    assert workspace() == str(tmp_path / "desk"), "cron starts a script in another folder"
    monkeypatch.setenv("STEERSMAN_WORKSPACE", str(tmp_path / "desk"))
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert workspace() == str(tmp_path / "desk")


def test_no_workspace_is_a_problem_with_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "job.py")])
    monkeypatch.delenv("STEERSMAN_WORKSPACE", raising=False)
    assert nearest(str(tmp_path)) == ""
    with pytest.raises(Problem, match=r"no steersman\.toml") as told:
        workspace()
    assert "steersman init" in told.value.fix
    monkeypatch.setenv("STEERSMAN_WORKSPACE", str(tmp_path))
    with pytest.raises(Problem, match="STEERSMAN_WORKSPACE="):
        workspace()


def test_long_paths_of_sockets_go_by_their_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with address(str(deep / "services.sock")) as where:
        assert len(where) < 100
        assert Path(where).parent.samefile(deep)


# -- token ---------------------------------------------------------------------------------------------------------


def test_a_lease_is_reused_until_it_is_nearly_over(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1000.0
    monkeypatch.setattr(leases, "_now", lambda: at)
    first = client.token("shop")
    assert client.token("shop") is first
    at += 54.0
    assert client.token("shop") is first
    at += 2.0
    assert client.token("shop") is not first
    assert len(services.asked) == 2


def test_a_lease_of_two_seconds_is_still_reused(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    at, services.left_s = 1000.0, 2.0
    monkeypatch.setattr(leases, "_now", lambda: at)
    first = client.token("shop")
    at += 1.5
    assert client.token("shop") is first
    at += 0.2
    assert client.token("shop") is not first


def test_a_refused_lease_is_reported_once(services: Services) -> None:
    first = client.token("shop")
    second = client.token("shop", refused=first)
    assert client.token("shop", refused=first) is second, "another thread reports the same lease"
    assert [fields["refused"] for _, fields in services.asked] == ["", first.lease_id]


def test_threads_of_one_script_ask_once(services: Services) -> None:
    threads = [threading.Thread(target=client.token, args=("shop",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(services.asked) == 1


def test_a_lease_carries_its_header_and_hides_its_secret(services: Services) -> None:
    lease = client.token("shop")
    assert lease.headers == {"Authorization": f"Bearer {SECRET}"}
    assert lease.expires_at.isoformat() == "2023-11-14T22:13:20+00:00"
    for text in (repr(lease), str(lease), f"{lease}", f"{[lease]}"):
        assert SECRET not in text
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(lease)


def test_a_child_made_by_fork_may_ask_although_another_thread_was_asking(services: Services) -> None:
    leases._locks.setdefault("shop", threading.Lock()).acquire()
    try:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                client.token("shop")
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        leases._locks.clear()


# -- pull ----------------------------------------------------------------------------------------------------------


def test_a_body_is_text_bytes_or_json(services: Services) -> None:
    (services.folder / "frame").write_bytes(b'{"a": 1}')
    got = client.pull("status", day=3, deep=True)
    assert (got.text(), got.bytes(), got.json()) == ('{"a": 1}', b'{"a": 1}', {"a": 1})
    assert services.asked[0][1]["params"] == {"day": "3", "deep": "true"}
    assert got.receipt.checks == {"rows": "3 rows"}
    with pytest.raises(Problem, match="without a schema"):
        got.polars()


def test_a_table_is_read_as_frame_and_rows(services: Services) -> None:
    services.frame = "arrow"
    pl.DataFrame({"day": [1, 2, 3], "close": [1.5, 2.5, 3.5]}).write_ipc(
        services.folder / "frame", compression="uncompressed"
    )
    got = client.pull("bars", max_age_s=5)
    assert got.polars()["close"].sum() == 7.5
    assert got.rows()[0] == {"day": 1, "close": 1.5}
    assert bytes(got.mmap()[:6]) == b"ARROW1"
    with pytest.raises(Problem, match="is a table"):
        got.json()


def test_data_stays_readable_when_the_cache_lets_go_of_it(services: Services) -> None:
    services.frame = "arrow"
    pl.DataFrame({"a": [1]}).write_ipc(services.folder / "frame", compression="uncompressed")
    got = client.pull("bars")
    (services.folder / "frame").unlink()
    assert got.rows() == [{"a": 1}]
    assert pl.read_ipc(got.path).height == 1


def test_a_lazy_table_outlives_the_data_and_the_file(services: Services) -> None:
    services.frame = "arrow"
    pl.DataFrame({"a": [1, 2], "b": [3, 4]}).write_ipc(services.folder / "frame", compression="uncompressed")
    table = client.pull("bars").lazy()
    (services.folder / "frame").unlink()
    assert table.select(pl.col("b").sum()).collect().item() == 7


def test_a_pyarrow_table_lies_over_the_mapped_file_without_a_copy(services: Services) -> None:
    services.frame = "arrow"
    rows = 200_000
    pl.DataFrame({"a": range(rows), "b": [1.5] * rows}).write_ipc(services.folder / "frame", compression="uncompressed")
    before = pa.total_allocated_bytes()
    table = client.pull("bars").arrow()
    (services.folder / "frame").unlink()
    assert table.column_names == ["a", "b"]
    assert table["a"][rows - 1].as_py() == rows - 1
    assert pa.total_allocated_bytes() - before < 100_000, "the columns are the file's own bytes"


def test_an_empty_body_is_empty(services: Services) -> None:
    (services.folder / "frame").touch()
    assert client.pull("status").bytes() == b""


def test_data_that_vanishes_before_it_is_opened_is_asked_for_again(services: Services) -> None:
    frame, real = services.folder / "frame", services._data

    def vanishing() -> dict[str, Any]:
        frame.write_bytes(b"x")
        value = real()
        if len(services.asked) == 1:
            frame.unlink()
        return value

    services._data = vanishing  # type: ignore[method-assign]  # the one answer this test is about
    assert client.pull("status").text() == "x"
    assert len(services.asked) == 2


# -- result and emit -----------------------------------------------------------------------------------------------


def test_the_result_is_one_line_that_the_run_keeps(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    client.result(rows=3, note="two\nlines", name="Zoë")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert parse_result(out.encode()) == ({"rows": 3, "note": "two\nlines", "name": "Zoë"}, "")
    with pytest.raises(Problem, match="given already"):
        client.result(rows=4)


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, "x" * 40_000, "\ud800"])
def test_what_is_no_result_is_refused_before_it_is_printed(
    services: Services, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    with pytest.raises(Problem) as told:
        client.result(value=value)
    assert told.value.kind == "Misused"
    assert capsys.readouterr().out == ""
    client.result(value="fine")


def test_a_leased_secret_gets_into_no_result_and_no_event(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    client.token("shop")
    for tell in (lambda: client.result(note=SECRET), lambda: client.emit("script.note.made", note=[SECRET])):
        with pytest.raises(Problem, match="secret of shop") as told:
            tell()
        assert SECRET not in str(told.value)
    assert "quoted" not in capsys.readouterr().out
    assert [op for op, _ in services.asked] == ["token"]


def test_an_event_has_a_type_of_its_own_and_a_nonce(services: Services) -> None:
    assert client.emit("script.report.sent", to=3) == "e-1"
    assert client.emit("script.report.sent", to=3) == "e-1"
    first, second = (fields for _, fields in services.asked)
    assert first["data"] == {"to": 3}
    assert first["nonce"] != second["nonce"]
    with pytest.raises(Problem, match="allowed: script"):
        client.emit("trading.order.filled", quantity=1)
