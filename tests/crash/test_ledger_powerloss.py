"""Power cuts on a simulated disk: nothing acknowledged is lost, and the proof fails when it must."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from steersman.bootstrap.proof import crash
from steersman.ledger.adapters.sqlite.powerloss.disk import Delete, Platter, Sync, Truncate, Write
from steersman.ledger.adapters.sqlite.powerloss.prove import ModeReport, cut
from steersman.ledger.adapters.sqlite.powerloss.workload import record

pytestmark = pytest.mark.crash


def test_power_cuts_lose_nothing_that_was_acknowledged_and_both_controls_fail() -> None:
    told: list[str] = []
    report = crash(100, seed=7, on_progress=told.append)
    assert report["full"] == {"images": 100, "lost": 0, "corrupt": 0}
    assert report["off"]["lost"] + report["off"]["corrupt"] > 50
    assert report["lying_disk"]["lost"] + report["lying_disk"]["corrupt"] > 50
    assert report["ok"]
    assert told == ["50 of 100 power cuts per mode", "100 of 100 power cuts per mode"]


def test_the_same_seed_makes_the_same_cuts() -> None:
    first, second, other = (crash(25, seed=seed, on_progress=lambda _: None) for seed in (3, 3, 4))
    for report in (first, second, other):
        report["seconds"] = 0
    assert first == second
    assert first != other


def test_the_proof_sees_what_synchronous_normal_loses(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    recording = record(tmp_path / "day", random.Random(1), synchronous="NORMAL")
    report = ModeReport(images=0, lost=0, corrupt=0)
    cut(recording, Platter(), 40, random.Random(1), tmp_path / "images", report)
    assert report["lost"] > 20  # a sound ledger without its last events: only counting acknowledgements shows it
    assert report["corrupt"] == 0


def test_a_recording_folds_its_log_in_starts_it_over_and_acknowledges_groups(tmp_path: Path) -> None:
    recording = record(tmp_path, random.Random(2), synchronous="FULL")
    syncs = [op for op in recording.ops if isinstance(op, Sync) and op.file == "ledger.db"]
    restarts = [op for op in recording.ops if isinstance(op, Write) and op.file == "ledger.db-wal" and op.offset == 0]
    assert len(syncs) > 5
    assert len(restarts) > 5
    together = [a.after_ops for a in recording.acknowledged]
    assert len(set(together)) < len(together), "no two appends shared a commit"


def test_what_was_synced_stays_and_of_the_rest_each_write_may_be_missing_or_torn() -> None:
    platter = Platter()
    platter.take(Write("f", 0, b"a" * 1024))
    platter.take(Sync("f"))
    platter.take(Write("f", 512, b"b" * 1024))
    found = {platter.image(random.Random(seed))["f"] for seed in range(200)}
    assert all(image.startswith(b"a" * 512) for image in found)
    whole, none = b"a" * 512 + b"b" * 1024, b"a" * 1024
    second_sector_alone = b"a" * 1024 + b"b" * 512
    assert {whole, none, second_sector_alone} <= found


def test_a_disk_that_lies_keeps_nothing_for_sure() -> None:
    platter = Platter(lies=True)
    platter.take(Write("f", 0, b"a"))
    platter.take(Sync("f"))
    assert {platter.image(random.Random(seed)).get("f") for seed in range(50)} == {None, b"a"}


def test_a_removed_name_may_come_back_until_its_folder_is_synced() -> None:
    platter = Platter()
    for op in (Write("journal", 0, b"old"), Sync("journal"), Delete("journal", durable=False)):
        platter.take(op)
    assert {platter.image(random.Random(seed)).get("journal") for seed in range(50)} == {None, b"old"}
    platter.take(Sync("wal", folder=True))
    assert {platter.image(random.Random(seed)).get("journal") for seed in range(50)} == {None}


def test_a_truncated_file_is_cut_or_not_and_later_writes_keep_their_place() -> None:
    platter = Platter()
    for op in (Write("f", 0, b"abcd"), Sync("f"), Truncate("f", 2), Sync("f"), Write("f", 3, b"z"), Sync("f")):
        platter.take(op)
    assert platter.image(random.Random(0)) == {"f": b"ab\0z"}
