"""A new key for everything that is sealed; killed at any point, every login still opens, and another run ends it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.places import Chosen, PlaceKind
from steersman.services.credentials.store import Store
from steersman.services.events import KeyRotated

_LOCK_S = 150.0


def rotate(
    state: Path,
    keychain: Keychain,
    clock: Clock,
    *,
    to: PlaceKind | None = None,
    stores: Mapping[str, Store] | None = None,
) -> KeyRotated:
    """Seal every stored login under a new key, then drop the old ones; return what was done.

    Args:
        to: where the keys shall be from now on; None: where they are.
        stores: those of declared logins, by name; one that machines share is sealed anew where they share it.

    Raises:
        Misconfigured: the environment holds no new key in front of the old one.
        Corrupt: a stored login is damaged; nothing was dropped. Log it in or out, then rotate again.
        Unavailable: the keyring does not answer, or a login is being fetched all the time.
    """
    keychain.ring()  # makes the first key where there is none
    with keychain.lock():
        places = keychain.places
        old, here = keychain.fresh(), places.chosen()
        if here is None:
            raise Misconfigured("there is no key yet", fix="log in first")
        target = here if to in (None, here.place) else places.choose(to)
        new = places.candidate(target, old).current
        staged = Ring((new, *(key for key in old.keys if key.id != new.id)))
        _stage(keychain, here, target, staged)
        resealed = _reseal(state, keychain, clock, staged, stores or {})
        places.save(target, Ring((new,)))
        places.remember(target)
        if target != here:
            places.forget(here)
        keychain.fresh()
    # An environment names the new key before the old one, so the one in front may be new already.
    before = next((key.id for key in staged.keys if key.id != new.id), new.id)
    return KeyRotated(from_key=before, to_key=new.id, resealed=resealed, at=clock.now_ns())


def _stage(keychain: Keychain, here: Chosen, target: Chosen, staged: Ring) -> None:
    """Make the new key known, beside the old ones, before anything is sealed under it."""
    places = keychain.places
    if here.place != "environment":
        places.save(here, staged)
    elif target.place != "environment":
        places.save(target, staged)
        places.remember(target)


def _reseal(state: Path, keychain: Keychain, clock: Clock, staged: Ring, stores: Mapping[str, Store]) -> int:
    """Seal every login anew, those of providers that are no longer declared too; return how many."""
    done = 0
    for name in sorted({path.stem for path in (state / "logins").glob("*.sealed")} | set(stores)):
        store = stores.get(name) or Store(state, name, keychain, clock)
        with store.turn(_LOCK_S):
            done += store.reseal(staged)
    return done
