"""The broker: every declared login, leases that are in the ledger before they are handed out."""

from __future__ import annotations

import difflib
import random
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Rejected, SteersmanError, Unavailable
from steersman.ledger import Ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.credentials import carrying
from steersman.services.credentials.counts import Counts
from steersman.services.credentials.instant import Instant
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.machines import Machines
from steersman.services.credentials.places import KeyPlace, PlaceKind, Places
from steersman.services.credentials.provider import Fetched, Kind, Provider, ProviderSettings, Surroundings, Token
from steersman.services.credentials.providers import kind_named
from steersman.services.credentials.recorder import Recorder
from steersman.services.credentials.refresh import Refresher
from steersman.services.credentials.rotation import rotate
from steersman.services.credentials.shared_store import SharedStore
from steersman.services.credentials.slot import Slot, longest_s
from steersman.services.credentials.standing import standing
from steersman.services.credentials.store import Store
from steersman.services.credentials.telling import Telling
from steersman.services.disk import usable
from steersman.services.events import (
    KEY_ROTATED,
    KEYS_EXPORTED,
    KEYS_IMPORTED,
    KeyRotated,
    KeysExported,
    KeysImported,
    LeaseGranted,
)
from steersman.services.ports import Lease, ProviderStatus

_TRIES = 3
_WATCH_S = 15.0
_CLOSE_S = 5.0


class Broker:
    """Implements `Credentials`, and what a person does to logins. Safe for many threads and processes."""

    def __init__(
        self,
        *,
        root: Path,
        state: Path,
        providers: dict[str, ProviderSettings],
        ledger: Ledger,
        clock: Clock,
        commons: Commons | None = None,
        shared: SharedSettings | None = None,
        places: Places | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Touches nothing yet: keys and folders are made when the first login is stored.

        Args:
            commons, shared: where logins lie that several machines have in common; None: this machine has its own.
            places: where keys may be; from the environment of this process if not given.
            wait: sleeps that many seconds while the ledger takes nothing.
        """
        self._root = root
        self._state = state
        self._clock = clock
        self._keychain = Keychain(state, places or Places(state), clock)
        self._recorder = Recorder(ledger, clock, wait=wait)
        self._counts = Counts(ledger)
        self._machines: Machines | None = None
        if commons is not None and shared is not None:
            self._machines = Machines(commons, shared, state, self._recorder, clock)
        self._stores: dict[str, Store] = {}
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None
        self._slots = {name: self._made(name, settings) for name, settings in providers.items()}

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        """As the port says; also raises Corrupt, once, for a stored login that was damaged."""
        with usable():
            return self._lease(provider, who, run_id, refused)

    def _lease(self, provider: str, who: str, run_id: str, refused: str) -> Lease:
        slot = self.slot(provider)
        spent = self._refused_token(provider, refused) if refused else ""
        for _ in range(_TRIES):
            token = slot.token(spent)
            granted = self._granted(slot, token, who, run_id)
            self._recorder.granted(granted)
            # The ledger may have kept us waiting for longer than the token had left.
            if self._clock.now_ns() < granted.expires_at:
                return _lease(slot, token, granted)
        raise Unavailable(
            f"the ledger takes so long that the tokens of {provider} are over before they can be handed out",
            fix="see `steersman status`: is the core busy, or the disk?",
        )

    def status(self) -> list[ProviderStatus]:
        """Return every declared provider; asks no provider, and needs no key."""
        counts, now_ns = self._counts.read(self._slots), self._clock.now_ns()
        with usable():
            return [standing(slot, counts[name], now_ns) for name, slot in self._slots.items()]

    def slot(self, provider: str) -> Slot:
        """Return the login called `provider`.

        Raises:
            Misconfigured: it is not declared.
        """
        found = self._slots.get(provider)
        if found is None:
            near = difflib.get_close_matches(provider, self._slots, n=1)
            declared = f"declared: {', '.join(self._slots)}" if self._slots else "none is declared"
            raise Misconfigured(
                f"there is no provider {provider!r}; {declared}",
                fix=f"did you mean {near[0]!r}?" if near else f"add [provider.{provider}] to steersman.toml",
            )
        return found

    def check_sealable(self, provider: str) -> None:
        """Find out whether a login can be stored, before a person makes one. Raises as `Slot.check_sealable`."""
        with usable():
            self.slot(provider).check_sealable()

    def forgive(self, provider: str) -> None:
        """Forget refusals and pauses. Raises as `Slot.forgive`."""
        with usable():
            self.slot(provider).forgive()

    def around(self, provider: str) -> Surroundings:
        """Return what a login's flows are made with."""
        return Surroundings(name=provider, root=self._root, clock=self._clock)

    def paste(self, provider: str, secret: str) -> None:
        """Store what a person typed in as the login. Raises as `Slot.paste`."""
        with usable():
            self.slot(provider).paste(secret)

    def paste_and_try(self, provider: str, secret: str) -> Lease:
        """As `paste`, and lease it; a login that was there before stays if the provider refuses the new one.

        Raises:
            Rejected: the provider refused what was pasted.
            Otherwise as `Slot.paste` and `lease`.
        """
        with usable():
            before = self.slot(provider).paste(secret)
            try:
                return self.lease(provider, who="person:cli")
            except Rejected as exc:
                if before is None:
                    raise
                self.slot(provider).put_back(before)
                raise Rejected(
                    f"{exc.message}; nothing has changed: the login from before is still there",
                    fix="paste another one: see that it is whole and was not used before",
                ) from exc

    def logged_in(self, provider: str, fetched: Fetched, asked: Instant, *, flow: str) -> None:
        """Store what a person's login brought."""
        with usable():
            self.slot(provider).logged_in(fetched, asked, flow=flow)

    def logout(self, provider: str) -> bool:
        """Delete a login; whether its provider was told and agreed."""
        with usable():
            return self.slot(provider).forget()

    def rotate(self, *, to: PlaceKind | None = None) -> KeyRotated:
        """Seal every login under a new key and record it. Raises as `rotation.rotate`."""
        with usable():
            done = rotate(self._state, self._keychain, self._clock, to=to, stores=self._stores)
        self._recorder.say_about("services/keys", KEY_ROTATED, done, actor="person:cli")
        return done

    def key_ids(self) -> list[str]:
        """Return the ids of the keys that are here, the one that seals first. Raises as `carrying.export`."""
        is_chosen = self._keychain.places.chosen() is not None
        return [key.id for key in carrying.export(self._keychain).keys] if is_chosen else []

    def export_keys(self) -> Ring:
        """Return the keys, to be carried to another machine by a person, and record that. Raises as `carrying.export`.

        Also raises Unavailable: the ledger takes no event, so nothing is given out.
        """
        ring = carrying.export(self._keychain)
        told = KeysExported(keys=tuple(key.id for key in ring.keys), at=self._clock.now_ns())
        self._recorder.say_about("services/keys", KEYS_EXPORTED, told, actor="person:cli")
        return ring

    def import_keys(self, text: str, *, place: str) -> tuple[Ring, tuple[str, ...]]:
        """Take in keys of another machine; return the ring and the ids that are new. Raises as `carrying.take_in`."""
        with usable():
            ring, new = carrying.take_in(self._keychain, text, place=place)
        told = KeysImported(keys=new, current=ring.current.id, at=self._clock.now_ns())
        self._recorder.say_about("services/keys", KEYS_IMPORTED, told, actor="person:cli")
        return ring, new

    def key_place(self) -> KeyPlace:
        """Return where the keys are, or would be made."""
        return self._keychain.places.describe()

    @property
    def shared_in(self) -> str:
        """Where logins lie that several machines have in common, for people; empty: this machine has its own."""
        return self._machines.where if self._machines is not None and self._stores else ""

    @property
    def shared_problem(self) -> str:
        """What was wrong there when it was last asked; empty if nothing was."""
        return self._machines.problem if self._machines is not None else ""

    def check_shared(self) -> None:
        """Refuse commons that may forget a login; one that does not answer is found out about later.

        Raises:
            Misconfigured: says why, and what to change.
        """
        if self._machines is not None and self._stores:
            with suppress(Unavailable):
                self._machines.check_durable()

    def look(self) -> list[SteersmanError]:
        """Take over what other machines changed; return what cannot be used here, which `status` says from now on."""
        found: list[SteersmanError] = []
        for name in self._stores:
            try:
                with usable():
                    self._slots[name].look()
            except SteersmanError as exc:
                found.append(exc)
        return found

    def watch(self) -> None:
        """Look, from a thread and until `close`, what other machines change: a login there ends what waits here."""
        if self._stores and self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="shared-logins", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """End looking; nothing else is held open between two leases."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(_CLOSE_S)
        for slot in self._slots.values():
            slot.close()

    def _watch(self) -> None:
        while not self._over.wait(_WATCH_S):
            self.look()

    def _refused_token(self, provider: str, lease_id: str) -> str:
        granted = self._recorder.lease(lease_id)
        if granted is None or granted.provider != provider:
            raise Misconfigured(
                f"{provider} was never leased under the id {lease_id[:40]!r}",
                fix="report the lease_id of the lease that was refused",
            )
        return granted.token_id

    def _granted(self, slot: Slot, token: Token, who: str, run_id: str) -> LeaseGranted:
        now_ns = self._clock.now_ns()
        life_s = min(slot.left_s(token), slot.settings.lease_s)
        return LeaseGranted(
            lease_id=secrets.token_hex(16),
            provider=slot.name,
            token_id=token.token_id,
            who=who,
            run_id=run_id,
            expires_at=now_ns + int(life_s * 1e9),
            at=now_ns,
        )

    def _made(self, name: str, settings: ProviderSettings) -> Slot:
        kind = kind_named(settings.kind)
        provider = kind.make(self.around(name), settings)
        store = self._store(name, settings, kind, provider)
        refresher = Refresher(
            name,
            provider=provider,
            store=store,
            keychain=self._keychain,
            recorder=self._recorder,
            clock=self._clock,
            dice=random.Random(),
        )
        return Slot(
            name,
            settings,
            kind,
            provider=provider,
            store=store,
            refresher=refresher,
            recorder=self._recorder,
            clock=self._clock,
        )

    def _store(self, name: str, settings: ProviderSettings, kind: Kind, provider: Provider) -> Store:
        """Return where a login lies: with the other machines if it is one that they can have in common."""
        by_person = bool(kind.flows and not getattr(settings, kind.seed, ""))
        is_kept = by_person or not provider.static
        if self._machines is None or not settings.shared or not is_kept:
            return Store(self._state, name, self._keychain, self._clock)
        self._stores[name] = store = SharedStore(
            self._state,
            name,
            self._keychain,
            self._clock,
            machines=self._machines,
            telling=Telling(name, self._recorder, self._clock),
            # What a person made is with the others, also where there is no copy of it yet.
            needs_others=(lambda _: True) if by_person else provider.spends,
            longest_s=longest_s(settings),
        )
        return store


def _lease(slot: Slot, token: Token, granted: LeaseGranted) -> Lease:
    return Lease(
        lease_id=granted.lease_id,
        provider=slot.name,
        secret=token.secret,
        header=slot.provider.header,
        scheme=slot.provider.scheme,
        fields=token.fields,
        expires_at=granted.expires_at,
    )
