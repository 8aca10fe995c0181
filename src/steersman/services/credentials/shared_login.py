"""The record of one login in the commons: read, sealed, opened, written under its lock."""

from __future__ import annotations

import secrets
from contextlib import suppress

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Corrupt, Misconfigured
from steersman.services.commons import Lock
from steersman.services.credentials import sealing
from steersman.services.credentials.instant import instant
from steersman.services.credentials.keys import Ring
from steersman.services.credentials.machines import Machines
from steersman.services.credentials.provider import Login
from steersman.services.credentials.shared_record import FORM, Record, health_outward, outward
from steersman.services.credentials.store import Damaged, Health, KeyElsewhere


class SharedLogin:
    """Where the machines have one login in common. Every method raises Unavailable while the commons do not answer."""

    def __init__(self, name: str, machines: Machines, clock: Clock) -> None:
        self._name, self._machines, self._clock = name, machines, clock
        self._record_name = f"login/{name}"
        self._change = f"a change of the login {name}"

    def lock(self, wait_s: float) -> Lock | None:
        """Return the lock over all machines, None if another one has it for that long."""
        return self._machines.ask(self._change, lambda commons: commons.lock(self._record_name, wait_s=wait_s))

    def now_ns(self) -> int:
        """Return what the commons' clock says."""
        return self._machines.ask(self._change, lambda commons: commons.now_ns())

    def read(self) -> Record | None:
        """Return what lies there, None if nothing ever did.

        Raises:
            Damaged: it is no record.
            Misconfigured: it is one of another version of Steersman.
        """
        raw = self._machines.ask(f"a look at the login {self._name}", lambda c: c.read(self._record_name))
        if raw is None:
            return None
        try:
            found = msgspec.json.decode(raw, type=Record)
        except msgspec.DecodeError:
            raise Damaged(
                f"the stored login of {self._name} is damaged ({self._machines.where})",
                fix=f"steersman auth login {self._name}",
                raw=raw,
            ) from None
        if found.form != FORM:
            raise Misconfigured(
                f"the login {self._name} in {self._machines.where} was written by another version of Steersman",
                fix="run the same version on all machines",
            )
        return found

    def signed(self, record: Record) -> Record:
        """Return `record` as this machine writes it, under an id of its own."""
        return msgspec.structs.replace(
            record, id=secrets.token_hex(8), machine=self._machines.name, machine_id=self._machines.id
        )

    def write(self, record: Record, lock: Lock) -> None:
        """Put a record there, durably.

        Raises:
            Conflict: the lock was lost.
        """
        data = msgspec.json.encode(record)
        self._machines.ask(self._change, lambda commons: commons.write(self._record_name, data, under=lock))

    def emptied(self) -> Record:
        """Return the record that says: logged out."""
        return Record(id="", machine="", machine_id="", at=self.now_ns())

    def filled(self, login: Login, health: Health, ring: Ring, before: Record | None) -> Record:
        """Return the record of a login, sealed with the key that `before` is sealed with if that is at hand.

        That is the one all machines have; `ring` may begin with a key that only this one has.
        """
        theirs, now = self.now_ns(), instant(self._clock)
        return Record(
            id="",
            machine="",
            machine_id="",
            at=theirs,
            pending=login.pending_since is not None,
            sealed=sealing.seal(outward(login, now, theirs), self._name, self._ring(ring, before)),
            health=health_outward(health, now, theirs),
        )

    def opened(self, record: Record, ring: Ring) -> Login:
        """Return the login in a record, timed by the commons' clock.

        Raises:
            KeyElsewhere: its key is not at hand; says who has it and how to bring it.
            Damaged: it does not open with its key.
        """
        place = self._machines.where
        try:
            return sealing.unseal(record.sealed, self._name, ring, place=place)
        except Corrupt as exc:
            raise Damaged(exc.message, fix=exc.fix, raw=record.sealed) from None
        except Misconfigured:
            key = sealing.read_header(record.sealed, self._name, place=place).key
            raise KeyElsewhere(
                f"the login {self._name} lies in {place}, sealed by {record.machine} with the key {key}, which this "
                f"machine does not have (it has {', '.join(k.id for k in ring.keys)})",
                fix=f"on {record.machine}: steersman auth key export FILE; bring FILE here by hand, and here: "
                "steersman auth key import FILE",
            ) from None

    def resealed(self, record: Record, ring: Ring) -> Record | None:
        """Return the record under the ring's current key, None if it is already. Raises as `opened`."""
        if sealing.read_header(record.sealed, self._name, place=self._machines.where).key == ring.current.id:
            return None
        sealed = sealing.seal(self.opened(record, ring), self._name, ring)
        return msgspec.structs.replace(record, sealed=sealed)

    def is_from_here(self, record: Record) -> bool:
        """Say whether this machine wrote it."""
        return record.machine_id == self._machines.id

    def _ring(self, ring: Ring, before: Record | None) -> Ring:
        if before is not None and before.sealed:
            with suppress(Corrupt):
                header = sealing.read_header(before.sealed, self._name, place=self._machines.where)
                if key := ring.find(header.key):
                    return Ring((key,))
        return ring
