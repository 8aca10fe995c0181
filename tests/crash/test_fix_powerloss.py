"""Power cuts on a simulated disk under the store of a FIX session: what may have left us is never forgotten."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.integration.venues.fix_harness import an_order

from steersman.kernel.errors import SteersmanError
from steersman.ledger.adapters.sqlite.powerloss.disk import Op, Platter
from steersman.ledger.adapters.sqlite.powerloss.vfs import RecordingVfs
from steersman.trading.adapters.fix.store import Store

pytestmark = pytest.mark.crash
FILE = "session.db"
Left = list[tuple[int, str]]
"""After so many operations on the disk, an order under this id could leave."""


def record(folder: Path, *, synced: bool) -> tuple[list[Op], Left]:
    """Send sixty orders, hear of each, start anew in between; return what reached the disk, and what left when."""
    vfs, left = RecordingVfs(), Left()
    for life in range(3):
        store = Store(folder / FILE, vfs=vfs.name)
        for number in range(20):
            order_id, (heard, sent) = f"o{life}x{number}", store.numbers()
            together: AbstractContextManager[None] = store.durable() if synced else store.together()
            with together:
                store.keep_numbers(heard, sent + 1)
                store.add_order(an_order(order_id), seq=sent, sent=b"x" * 400)
            left.append((len(vfs.ops), order_id))
            with store.together():
                store.keep_numbers(heard + 1, sent + 1)
                store.hear(order_id, b"y" * 300)
        store.close()
    return vfs.ops, left


def lost(ops: list[Op], left: Left, cuts: int, folder: Path) -> int:
    """Cut the power `cuts` times; return how often the store no longer knew something that could have left."""
    rng, bad = random.Random(7), 0
    at_ops = sorted(rng.randrange(left[0][0], len(ops)) for _ in range(cuts))
    platter, done = Platter(), 0
    for number, at in enumerate(at_ops):
        for op in ops[done:at]:
            platter.take(op)
        done = at
        home = folder / str(number)
        home.mkdir(parents=True)
        for name, data in platter.image(rng).items():
            (home / name).write_bytes(data)
        gone = [order_id for after, order_id in left if after <= at]
        try:
            store = Store(home / FILE)
        except SteersmanError:
            bad += 1
            continue
        heard, sent = store.numbers()
        bad += sent <= len(gone) or heard > sent or any(store.order(order_id) is None for order_id in gone)
        store.close()
    return bad


def test_a_power_cut_forgets_no_order_and_no_number_that_may_have_left(tmp_path: Path) -> None:
    assert lost(*record(tmp_path / "day", synced=True), 150, tmp_path / "images") == 0


def test_without_the_sync_it_would(tmp_path: Path) -> None:
    assert lost(*record(tmp_path / "day", synced=False), 60, tmp_path / "images") > 20
