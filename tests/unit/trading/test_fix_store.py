"""The store of a FIX session: numbers, orders for ever, and what was heard for as long as somebody may ask."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import apsw
import pytest
from tests.integration.venues.fix_harness import an_order

from steersman.kernel.errors import Unavailable
from steersman.trading.adapters.fix.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "venues" / "session.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    if not store.closed:
        store.close()


def test_a_new_store_counts_from_one_and_the_next_life_goes_on(store: Store, path: Path) -> None:
    assert store.numbers() == (1, 1)
    with store.durable():
        store.keep_numbers(7, 9)
    assert [store.take_id(), store.take_id()] == [1, 2]
    store.close()
    again = Store(path)
    assert again.numbers() == (7, 9)
    assert again.take_id() == 3
    again.close()


def test_an_order_is_kept_as_it_was_with_its_number_until_a_reset(store: Store) -> None:
    with store.durable():
        store.keep_numbers(1, 5)
        store.add_order(an_order("a1"), seq=4, sent=b"D")
        store.add_order(an_order("b2"), seq=None, sent=None, base=Decimal("2.5"))
    sent, restored = store.order("a1"), store.order("b2")
    assert sent is not None
    assert restored is not None
    assert (sent.order, sent.base, sent.sent) == (an_order("a1"), Decimal(0), True)
    assert (restored.base, restored.sent) == (Decimal("2.5"), False)
    assert store.order("never") is None
    assert store.order_of(4) == "a1"
    with store.durable():
        store.keep_numbers(1, 1)
    assert store.order_of(4) is None
    assert store.order("a1") == sent


def test_what_was_heard_is_kept_in_order_until_nobody_asks_for_it(store: Store) -> None:
    for frame in (b"1", b"2"):
        store.hear("a1", frame)
        store.hear("b2", frame)
    store.forget_all_but({"a1"})
    assert store.heard("a1") == [b"1", b"2"]
    assert store.heard("b2") == []


def test_what_fails_half_way_is_not_there(store: Store) -> None:
    def half() -> None:
        with store.durable():
            store.keep_numbers(3, 3)
            store.add_order(an_order("a1"), seq=2, sent=b"D")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert store.numbers() == (1, 1)
    assert store.order("a1") is None


def test_a_store_of_a_later_format_is_refused(store: Store, path: Path) -> None:
    store.close()
    db = apsw.Connection(str(path))
    db.execute("UPDATE numbers SET value = 2 WHERE key = 'format'")
    db.close()
    with pytest.raises(Unavailable, match="has format 2; this program reads format 1"):
        Store(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be opened"):
        Store(tmp_path / "file" / "session.db")
