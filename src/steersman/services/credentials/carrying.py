"""Keys that a person carries from one machine to another: machines share logins, and never the keys that seal them."""

from __future__ import annotations

from steersman.kernel.errors import Misconfigured
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.keys import Ring, decode
from steersman.services.credentials.places import VARIABLE

_FIX = "export it anew where it is: steersman auth key export FILE"


def export(keychain: Keychain) -> Ring:
    """Return the keys of this machine, to be written where only their owner reads them.

    Raises:
        Misconfigured: there is none yet, or it is not at hand.
        Unavailable: the keyring does not answer.
    """
    if keychain.places.chosen() is None:
        raise Misconfigured("this machine has no key yet: it is made with the first login", fix="log in first")
    return keychain.fresh()


def take_in(keychain: Keychain, text: str, *, place: str) -> tuple[Ring, tuple[str, ...]]:
    """Add the keys in `text` in front of those that are here; return the ring, and the ids of what was new.

    Logins that were sealed here before open with the keys behind them.

    Raises:
        Misconfigured: it holds no keys, or the keys of this machine are in its environment.
        Unavailable: the keyring does not answer.
    """
    brought = decode(text, place=place, fix=_FIX)
    places = keychain.places
    with keychain.lock():
        chosen = places.chosen()
        here = chosen or places.choose()
        if here.place == "environment":
            raise Misconfigured(
                f"the keys of this machine are in {VARIABLE}, which no command can change",
                fix=f'put the key in front there: export {VARIABLE}="BROUGHT,{VARIABLE}", both base64',
            )
        old = (keychain.fresh() if chosen is not None else places.load(here)) or None
        before = old.keys if old is not None else ()
        ids = {key.id for key in brought.keys}
        ring = Ring((*brought.keys, *(key for key in before if key.id not in ids)))
        new = tuple(key.id for key in brought.keys if old is None or old.find(key.id) is None)
        # The keys first: a place that is written down without them would read as lost keys.
        places.save(here, ring)
        places.remember(here)
        return keychain.fresh(), new
