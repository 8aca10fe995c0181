"""The quarantine: bounded, and only what is its own is ever removed."""

from __future__ import annotations

from pathlib import Path

from steersman.kernel.clock import FakeClock
from steersman.services.pulls.quarantine import Quarantine


def test_the_latest_forty_are_kept_and_nothing_of_others_is_touched(tmp_path: Path) -> None:
    folder, clock, body = tmp_path / "quarantine", FakeClock(), tmp_path / "body"
    body.write_bytes(b"refused")
    folder.mkdir()
    (folder / "2fa.1700000000000000000.sealed").write_bytes(b"a login")
    (folder / "0-a-folder").mkdir()
    for number in range(60):
        (folder / f"z{number}.1.sealed").touch()
    names = []
    for _ in range(50):
        names.append(Quarantine(folder, clock).keep(body, "bars-1"))
        clock.advance(1)
    assert sorted(p.name for p in folder.glob("*-bars-1")) == names[-40:]
    assert (folder / "2fa.1700000000000000000.sealed").read_bytes() == b"a login"
    assert len(list(folder.glob("*.sealed"))) == 61


def test_what_was_just_put_there_stays_although_the_clock_was_set_back(tmp_path: Path) -> None:
    folder, clock, body = tmp_path / "quarantine", FakeClock(), tmp_path / "body"
    body.write_bytes(b"refused")
    for _ in range(40):
        Quarantine(folder, clock).keep(body, "bars-1")
        clock.advance(1)
    clock.set(clock.now_ns() - 86_400 * 10**9)
    assert (folder / Quarantine(folder, clock).keep(body, "bars-1")).exists()
    assert len(list(folder.iterdir())) == 40


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    assert Quarantine(tmp_path / "taken" / "quarantine", FakeClock()).keep(tmp_path / "taken", "bars-1") == ""
