"""Exports: CloudEvents as other programs read them, Parquet with types, and files that appear whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from steersman.kernel.clock import FakeClock
from steersman.ledger import Event, Ledger, new_event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.ledger.export import FORMATS, cloud_event, write_cloudevents, write_parquet

NOW = 1_700_000_000_000_000_001


@pytest.fixture
def ledger() -> Ledger:
    made = MemoryLedger(clock=FakeClock(NOW))
    first = new_event("a.b.made", stream="s/ü", data={"at": NOW + 5, "text": "ü\n"}, actor="test", now_ns=NOW)
    second = new_event("a.b.used", stream="s/1", data={"n": 1}, actor="test", now_ns=NOW, cause=first, schema=3)
    made.append([first, second])
    return made


def test_a_cloud_event_has_what_the_standard_asks_for_and_our_extensions(ledger: Ledger, tmp_path: Path) -> None:
    write_cloudevents(ledger.read(), tmp_path / "out.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines())
    stored = list(ledger.read())
    assert second == {
        "specversion": "1.0",
        "id": str(stored[1].id),
        "source": "urn:steersman:desk",
        "type": "a.b.used",
        "time": "2023-11-14T22:13:20Z",
        "subject": "s/1",
        "datacontenttype": "application/json",
        "dataschema": "urn:steersman:event:a.b.used:3",
        "pos": 2,
        "streamversion": 1,
        "actor": "test",
        "hash": stored[1].hash.hex(),
        "correlationid": str(stored[0].id),
        "causationid": str(stored[0].id),
        "data": {"n": 1},
    }
    assert "causationid" not in first
    assert first["data"]["text"] == "ü\n"
    assert first["subject"] == "s/ü"
    for name in cloud_event(stored[0]):
        assert re.fullmatch("[a-z0-9]{1,20}", name), "what CloudEvents allows as a name"


def test_parquet_has_typed_columns_and_says_which_head_it_is_of(ledger: Ledger, tmp_path: Path) -> None:
    made = write_parquet(ledger.read(), tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    instant = pl.Datetime("ns", "UTC")
    assert dict(found.schema) | {"recorded_at": instant, "at": instant, "pos": pl.Int64, "hash": pl.Binary} == dict(
        found.schema
    )
    stored = list(ledger.read())
    assert found["hash"].to_list() == [event.hash for event in stored]
    assert found["data"].to_list() == [event.data.decode() for event in stored]
    assert found["recorded_at"].cast(pl.Int64).to_list() == [NOW, NOW]
    assert found["at"].cast(pl.Int64).to_list() == [NOW + 5, None]
    assert found["causation_id"].to_list() == [None, str(stored[0].id)]
    metadata = pl.read_parquet_metadata(tmp_path / "out.parquet")
    assert metadata["steersman.head_pos"] == "2"
    assert metadata["steersman.head_hash"] == made.head.hash.hex() == stored[1].hash.hex()


def test_chunks_end_up_in_one_file_in_order(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.ledger.export._CHUNK", 7)
    for n in range(48):
        ledger.append([new_event("a.b.made", stream="s", data={"n": n}, actor="a", now_ns=NOW + n)])
    seen: list[int] = []
    made = write_parquet(ledger.read(), tmp_path / "out.parquet", progress=seen.append)
    assert made.events == 50
    assert seen == [7, 14, 21, 28, 35, 42, 49]
    assert pl.read_parquet(tmp_path / "out.parquet")["pos"].to_list() == [*range(1, 51)]
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize("format", FORMATS)
def test_no_events_make_an_empty_file_that_can_be_read(format: str, tmp_path: Path) -> None:
    made = FORMATS[format](iter(()), tmp_path / "out")
    assert (made.events, made.head.pos) == (0, 0)
    if format == "parquet":
        assert pl.read_parquet(tmp_path / "out").height == 0


@pytest.mark.parametrize("format", FORMATS)
def test_the_receipt_is_true_of_the_file(format: str, ledger: Ledger, tmp_path: Path) -> None:
    made = FORMATS[format](ledger.read(), tmp_path / "out")
    raw = (tmp_path / "out").read_bytes()
    assert (made.bytes, made.sha256, made.head) == (len(raw), sha256(raw).hexdigest(), ledger.head())


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_fails_leaves_the_old_file_and_no_other(format: str, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")

    def broken() -> Iterator[Event]:
        yield from ledger.read()
        raise OSError("the disk failed")

    with pytest.raises(OSError, match="the disk failed"):
        FORMATS[format](broken(), tmp_path / "out")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out", "old")]
