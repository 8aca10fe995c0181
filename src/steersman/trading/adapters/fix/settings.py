"""`[venue.NAME]` with `kind = "fix"`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from steersman.kernel import references
from steersman.kernel.durations import seconds
from steersman.trading.settings import VenueSettings

_SPANS: Final = {
    "heartbeat": (1.0, 3600.0, "1s to 1h", "30s"),
    "timeout": (0.1, 60.0, "0.1s to 60s", "5s"),
    "reconnect": (0.05, 3600.0, "50ms to 1h", "1s"),
    "reconnect_max": (0.05, 3600.0, "50ms to 1h", "60s"),
}
_OURS: Final = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 97, 122, 11, 38, 40, 44, 54, 55, 59, 60, 99})
"""Tags of an order that say what we want: no setting may overwrite them."""


class FixSettings(VenueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who we are to the counterparty, where it is, and what it can do.

    Attributes:
        host, port: of the counterparty. FIX has no public endpoints: the counterparty names one for its test system
            and one for the real one, and `mode` says which of them this is.
        sender, target: SenderCompID (ours) and TargetCompID (theirs), as agreed.
        version: BeginString.
        tls: encrypt; not given: yes in mode live. `ca_file` trusts one more authority than the system does.
        heartbeat: HeartBtInt, whole seconds.
        reset_on_logon: send ResetSeqNumFlag=Y: both sides count from 1 and forget what was not delivered.
        username, password: references to them (`env:NAME` or `file:PATH`), for tags 553 and 554 of the Logon.
        account: Account (1) of orders and of position requests.
        timeout: longest wait of one call, and for connecting.
        reconnect, reconnect_max: first and longest pause before connecting again; it doubles in between.
        positions: it answers RequestForPositions (FIX 4.4); if not, `positions` of the venue is None.
        mass_status: it answers OrderMassStatusRequest (FIX 4.4); if not, only our own open orders are asked for.
        order_fields: further tags of every NewOrderSingle, as this counterparty wants them: {"100" = "XNYS"}.
    """

    host: str
    port: int
    sender: str
    target: str
    version: Literal["FIX.4.2", "FIX.4.4"] = "FIX.4.4"
    mode: Literal["sandbox", "live"] = "sandbox"
    tls: bool | None = None
    ca_file: str | None = None
    heartbeat: str = "30s"
    reset_on_logon: bool = False
    username: str | None = None
    password: str | None = None
    account: str | None = None
    timeout: str = "5s"
    reconnect: str = "1s"
    reconnect_max: str = "60s"
    positions: bool = False
    mass_status: bool = False
    order_fields: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def encrypted(self) -> bool:
        return self.mode == "live" if self.tls is None else self.tls

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    @property
    def heartbeat_s(self) -> int:
        return round(seconds(self.heartbeat))

    @property
    def reconnect_ns(self) -> int:
        return round(seconds(self.reconnect) * 1e9)

    @property
    def reconnect_max_ns(self) -> int:
        return round(seconds(self.reconnect_max) * 1e9)

    def problems(self) -> Iterator[tuple[str, str, str]]:
        if not self.host.strip():
            yield "host", "is empty", 'write host = "fix.broker.example"'
        if not 0 < self.port < 65_536:
            yield "port", f"found {self.port}, allowed: 1 to 65535", "write port = 9876"
        for field in ("sender", "target", "account"):
            value = getattr(self, field)
            if value is not None and not _sendable(value):
                yield field, f"found {value!r}, allowed: printable ASCII, not empty", f'write {field} = "NAME"'
        yield from self._span_problems()
        for field in ("username", "password"):
            value = getattr(self, field)
            if value is not None and references.problem(value):
                yield field, references.problem(value), references.FIX
        for field in ("positions", "mass_status"):
            if getattr(self, field) and self.version == "FIX.4.2":
                yield field, "found true, which FIX.4.2 has no message for", f"write {field} = false, or FIX.4.4"
        yield from self._order_field_problems()

    def _span_problems(self) -> Iterator[tuple[str, str, str]]:
        spans: dict[str, float] = {}
        for field, (low, high, allowed, usual) in _SPANS.items():
            try:
                spans[field] = seconds(getattr(self, field))
            except ValueError as exc:
                yield field, str(exc), f'write {field} = "{usual}"'
                continue
            if not low <= spans[field] <= high or (field == "heartbeat" and spans[field] % 1):
                whole = ", whole seconds" if field == "heartbeat" else ""
                yield field, f"found {getattr(self, field)}, allowed: {allowed}{whole}", f'write {field} = "{usual}"'
        if spans.get("reconnect_max", 0) < spans.get("reconnect", 0):
            yield "reconnect_max", f"found {self.reconnect_max}, below reconnect", "make it the longer of the two"

    def _order_field_problems(self) -> Iterator[tuple[str, str, str]]:
        for tag, value in self.order_fields.items():
            if not tag.isascii() or not tag.isdigit() or int(tag) == 0 or int(tag) in _OURS:
                yield "order_fields", f"found tag {tag!r}, allowed: a number that no order sets itself", "leave it out"
            elif not _sendable(value):
                yield "order_fields", f"found {value!r} for {tag}, allowed: printable ASCII", "correct the value"


def _sendable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
