"""At rest: what is sealed opens with its key, for its provider, unchanged; and in no other way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.kernel.errors import Corrupt, Misconfigured
from steersman.services.credentials.keys import Ring, new_ring
from steersman.services.credentials.provider import Login
from steersman.services.credentials.sealing import seal, unseal

RING = new_ring()
LOGIN = Login(refresh_token="a-refresh-token", pasted={"key": "k"}, logged_in_at=7)
SEALED = seal(LOGIN, "acme", RING)


def test_a_login_opens_as_it_was() -> None:
    assert unseal(SEALED, "acme", RING, place="x") == LOGIN
    assert b"a-refresh-token" not in SEALED


def test_it_opens_with_an_older_key_of_the_ring() -> None:
    assert unseal(SEALED, "acme", new_ring(RING), place="x") == LOGIN


def test_sealing_twice_never_looks_alike() -> None:
    assert len({seal(LOGIN, "acme", RING) for _ in range(50)}) == 50


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SEALED) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = SEALED[:place] + bytes([SEALED[place] ^ flip]) + SEALED[place + 1 :]
    with pytest.raises((Corrupt, Misconfigured)) as caught:
        unseal(changed, "acme", RING, place="x")
    assert "a-refresh-token" not in str(caught.value)


@given(st.integers(0, len(SEALED) - 1))
def test_a_cut_file_is_noticed(length: int) -> None:
    with pytest.raises(Corrupt, match="the stored login of acme is damaged"):
        unseal(SEALED[:length], "acme", RING, place="x")


@given(st.binary(max_size=300))
def test_anything_else_is_damaged(raw: bytes) -> None:
    with pytest.raises(Corrupt):
        unseal(raw, "acme", RING, place="x")


def test_another_providers_file_does_not_open() -> None:
    with pytest.raises(Corrupt, match="another login's"):
        unseal(SEALED, "other", RING, place="x")


def test_a_key_that_is_not_there_is_named_and_is_no_damage() -> None:
    other = new_ring()
    with pytest.raises(Misconfigured, match=RING.current.id):
        unseal(SEALED, "acme", other, place="x")


def test_nothing_shows_a_secret() -> None:
    shown = repr((LOGIN, RING, RING.current, Ring(RING.keys)))
    assert "a-refresh-token" not in shown
    assert RING.encode().strip() not in shown


def test_names_depend_on_the_key_and_on_how_values_are_parted() -> None:
    key = RING.current
    assert key.name("token", "ab", "c") != key.name("token", "a", "bc")
    assert key.name("token", "a") != new_ring().current.name("token", "a")
