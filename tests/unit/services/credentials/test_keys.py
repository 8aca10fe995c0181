"""Where keys are: decided once, visible, moved without losing a login; what is damaged or gone is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.builders_credentials import (
    WHO,
    MemoryKeyring,
    a_broker,
    a_key,
    a_refresh,
    events,
    in_threads,
    private,
    providers,
    server,
)
from tests.oauth_server import OAuthServer

from steersman.kernel.errors import Corrupt, Misconfigured, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.credentials.places import Places

__all__ = ["server"]
KEYED = '[provider.acme]\nkind = "api_key"\n'


def pasted(root: Path, **places: Any) -> Any:
    broker = a_broker(root, providers(KEYED, root), **places)
    broker.paste("acme", "the-key")
    return broker


def state(root: Path) -> Path:
    return root / ".steersman" / "services"


def test_without_anything_better_the_key_is_a_file_and_that_is_said(tmp_path: Path) -> None:
    assert not a_broker(tmp_path, {}).key_place().chosen
    place = pasted(tmp_path).key_place()
    assert (place.place, place.detail, place.chosen) == ("file", "the file .steersman/services/keys", True)
    assert "whoever can read" in place.warning


def test_a_keyring_is_used_where_there_is_one(tmp_path: Path) -> None:
    keyring = MemoryKeyring()
    assert pasted(tmp_path, backend=keyring).key_place().place == "keyring"
    assert not (state(tmp_path) / "keys").exists()
    assert len(keyring.entries) == 1


def test_the_environment_wins_over_both(tmp_path: Path) -> None:
    environ = {"STEERSMAN_KEY": a_key()}
    assert pasted(tmp_path, backend=MemoryKeyring(), environ=environ).key_place().place == "environment"
    assert a_broker(tmp_path, providers(KEYED, tmp_path), environ=environ).lease("acme", who=WHO).secret == "the-key"


def test_the_place_stays_as_decided_and_says_when_the_environment_is_not_used(tmp_path: Path) -> None:
    pasted(tmp_path)
    later = a_broker(tmp_path, providers(KEYED, tmp_path), environ={"STEERSMAN_KEY": a_key()}, backend=MemoryKeyring())
    assert later.lease("acme", who=WHO).secret == "the-key"
    assert "STEERSMAN_KEY is not used" in later.key_place().warning


def test_a_session_without_the_keyring_says_so_and_harms_nothing(tmp_path: Path) -> None:
    keyring = MemoryKeyring()
    pasted(tmp_path, backend=keyring)
    with pytest.raises(Unavailable, match="does not answer in this session"):
        a_broker(tmp_path, providers(KEYED, tmp_path)).lease("acme", who=WHO)
    again = a_broker(tmp_path, providers(KEYED, tmp_path), backend=keyring)
    assert again.lease("acme", who=WHO).secret == "the-key"


@pytest.mark.parametrize("damage", ["removed", "opened", "garbled"])
def test_a_key_file_that_is_gone_open_or_garbled_is_refused_and_never_replaced(damage: str, tmp_path: Path) -> None:
    pasted(tmp_path)
    file = state(tmp_path) / "keys"
    if damage == "removed":
        file.unlink()
    elif damage == "opened":
        file.chmod(0o644)
    else:
        file.write_text("not a key\n")
    with pytest.raises(Misconfigured, match={"removed": "is gone", "opened": "0644", "garbled": "not base64"}[damage]):
        a_broker(tmp_path, providers(KEYED, tmp_path)).lease("acme", who=WHO)
    assert not list(state(tmp_path).glob("quarantine/*"))


def test_another_environment_key_is_named_and_leaves_the_login_where_it_is(tmp_path: Path) -> None:
    first = {"STEERSMAN_KEY": a_key()}
    pasted(tmp_path, environ=first)
    with pytest.raises(Misconfigured, match="which is not at hand"):
        a_broker(tmp_path, providers(KEYED, tmp_path), environ={"STEERSMAN_KEY": a_key()}).lease("acme", who=WHO)
    assert a_broker(tmp_path, providers(KEYED, tmp_path), environ=first).lease("acme", who=WHO).secret == "the-key"


@pytest.mark.parametrize("text", ["short", "AAAA", "%%%", "A" * 43 + "=x"])
def test_an_environment_key_that_is_none_is_refused_without_being_quoted(text: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="not base64 of 32 bytes") as caught:
        pasted(tmp_path, environ={"STEERSMAN_KEY": text})
    assert f" {text}" not in caught.value.message


def test_of_many_that_find_no_key_one_makes_it(tmp_path: Path) -> None:
    brokers = [a_broker(tmp_path, providers(KEYED, tmp_path)) for _ in range(8)]
    assert in_threads(8, lambda n: brokers[n].paste("acme", "the-key")) == [None] * 8
    assert a_broker(tmp_path, providers(KEYED, tmp_path)).lease("acme", who=WHO).secret == "the-key"
    assert len((state(tmp_path) / "keys").read_text().split()) == 1


@pytest.mark.parametrize("there", ["file", "keyring", "environment"])
@pytest.mark.parametrize("here", ["file", "keyring", "environment"])
def test_rotation_moves_between_all_places(here: Any, there: Any, tmp_path: Path) -> None:
    old, new, keyring = a_key(), a_key(), MemoryKeyring()
    options: dict[str, Any] = {"keyring": {"backend": keyring}, "environment": {"environ": {"STEERSMAN_KEY": old}}}
    pasted(tmp_path, **options.get(here, {}))
    environ = {"STEERSMAN_KEY": f"{new},{old}" if here == "environment" else new}
    ledger = memory_ledger()
    broker = a_broker(tmp_path, providers(KEYED, tmp_path), environ=environ, backend=keyring, ledger=ledger)
    done = broker.rotate(to=there)
    assert done.resealed == 1
    assert done.from_key != done.to_key
    assert [kind for kind, _ in events(ledger)] == ["key.rotated"]
    after = a_broker(tmp_path, providers(KEYED, tmp_path), environ={"STEERSMAN_KEY": new}, backend=keyring)
    assert after.lease("acme", who=WHO).secret == "the-key"
    assert after.key_place().place == there
    assert (state(tmp_path) / "keys").exists() == (there == "file")
    assert bool(keyring.entries) == (there == "keyring")


def test_rotating_an_environment_key_needs_a_new_one_in_front(tmp_path: Path) -> None:
    environ = {"STEERSMAN_KEY": a_key()}
    broker = pasted(tmp_path, environ=environ)
    with pytest.raises(Misconfigured, match="holds no new key"):
        broker.rotate()
    assert broker.lease("acme", who=WHO).secret == "the-key"


def test_a_process_that_read_the_keys_before_a_rotation_goes_on(tmp_path: Path) -> None:
    before = pasted(tmp_path)
    before.lease("acme", who=WHO)
    a_broker(tmp_path, providers(KEYED, tmp_path)).rotate()
    assert before.lease("acme", who=WHO).secret == "the-key"
    before.paste("acme", "another-key")
    assert a_broker(tmp_path, providers(KEYED, tmp_path)).lease("acme", who=WHO).secret == "another-key"


def test_a_damaged_login_stops_a_rotation_before_a_key_is_dropped(tmp_path: Path) -> None:
    broker = pasted(tmp_path)
    (state(tmp_path) / "logins" / "broken.sealed").write_bytes(b"nonsense")
    with pytest.raises(Corrupt, match="broken"):
        broker.rotate()
    assert a_broker(tmp_path, providers(KEYED, tmp_path)).lease("acme", who=WHO).secret == "the-key"


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-5], lambda raw: raw[:10], lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), lambda _: b""]
)
def test_a_damaged_login_goes_to_quarantine_with_a_named_error(
    damage: Any, server: OAuthServer, tmp_path: Path
) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger)
    broker.paste("acme", server.new_login())
    broker.lease("acme", who=WHO)
    sealed = state(tmp_path) / "logins" / "acme.sealed"
    raw = damage(sealed.read_bytes())
    sealed.unlink()
    sealed.write_bytes(raw)
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger)
    with pytest.raises(Corrupt, match="is damaged") as caught:
        broker.lease("acme", who=WHO)
    [kept] = (state(tmp_path) / "quarantine").iterdir()
    assert kept.name in caught.value.message
    assert kept.read_bytes() == raw
    assert "moved to quarantine" in events(ledger, "services.token.failed")[0][1]["problem"]
    with pytest.raises(Rejected, match="not logged in"):
        broker.lease("acme", who=WHO)


def test_no_plain_text_keyring_counts_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keyring.backends.fail
    import keyring.backends.null

    for module in (keyring.backends.fail, keyring.backends.null):
        found = module.Keyring()
        monkeypatch.setattr(keyring, "get_keyring", lambda found=found: found)
        assert Places(tmp_path, environ={}).backend() is None


def test_a_login_is_not_moved_away_where_no_other_could_be_sealed(tmp_path: Path) -> None:
    pasted(tmp_path, environ={"STEERSMAN_KEY": a_key()})
    sealed = state(tmp_path) / "logins" / "acme.sealed"
    before = sealed.read_bytes()
    without = a_broker(tmp_path, providers(KEYED, tmp_path))
    with pytest.raises(Misconfigured, match="STEERSMAN_KEY, which is not set"):
        without.check_sealable("acme")
    with pytest.raises(Misconfigured, match="STEERSMAN_KEY, which is not set"):
        without.paste("acme", "another-key")
    assert sealed.read_bytes() == before


def test_a_login_whose_key_is_lost_makes_way_for_a_new_one_and_that_is_recorded(tmp_path: Path) -> None:
    pasted(tmp_path, environ={"STEERSMAN_KEY": a_key()})
    ledger = memory_ledger()
    pasted(tmp_path, environ={"STEERSMAN_KEY": a_key()}, ledger=ledger)
    (kept,) = (state(tmp_path) / "quarantine").iterdir()
    (failed,) = [data for kind, data in events(ledger) if kind == "token.failed"]
    assert f"moved to quarantine/{kept.name}" in failed["problem"]


def test_the_quarantine_of_a_login_is_bounded_and_leaves_that_of_others_alone(tmp_path: Path) -> None:
    quarantine = state(tmp_path) / "quarantine"
    quarantine.mkdir(parents=True)
    (quarantine / "acme-2.1.sealed").touch()
    for _ in range(13):
        pasted(tmp_path, environ={"STEERSMAN_KEY": a_key()})
    assert len(list(quarantine.glob("acme.*.sealed"))) == 10
    assert (quarantine / "acme-2.1.sealed").exists()


def test_a_process_that_runs_through_a_rotation_names_tokens_as_the_others_do(tmp_path: Path) -> None:
    declared = providers(f'{KEYED}key = "{private(tmp_path, "acme.key", "the-key")}"\n', tmp_path)
    ledger = memory_ledger()
    desk, cron = (a_broker(tmp_path, declared, ledger=ledger) for _ in range(2))
    desk.lease("acme", who=WHO)
    cron.rotate()
    for _ in range(3):
        lease = desk.lease("acme", who=WHO)
        cron.lease("acme", who=WHO)
    told = [kind for kind, _ in events(ledger)]
    assert told.count("token.refreshed") == 2  # under the old key, and under the new one
    with pytest.raises(Rejected, match="refuses its key, and no other is there"):
        cron.lease("acme", who=WHO, refused=lease.lease_id)


def test_a_login_can_be_deleted_while_the_keyring_is_locked(tmp_path: Path) -> None:
    pasted(tmp_path, backend=MemoryKeyring())
    without = a_broker(tmp_path, providers(KEYED, tmp_path))
    assert without.logout("acme") is False
    assert not (state(tmp_path) / "logins" / "acme.sealed").exists()


def test_a_disk_that_takes_no_file_is_named(tmp_path: Path) -> None:
    broker = pasted(tmp_path)
    lock = state(tmp_path) / "logins" / "acme.lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(Unavailable, match=r"acme\.lock cannot be used: Is a directory"):
        broker.lease("acme", who=WHO)
