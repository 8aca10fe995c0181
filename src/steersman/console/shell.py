"""What every page carries around its content: whose desk, which venues are real, what is halted, what waits."""

from __future__ import annotations

import msgspec

from steersman.bootstrap.access import core_trouble
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.venues import Arming
from steersman.trading import queries as trading


class VenueMode(msgspec.Struct, frozen=True, kw_only=True):
    """A venue: `mode` is simulated, sandbox or live; `locked` says why a live one takes no order, None if it does."""

    name: str
    mode: str
    locked: str | None = None


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """The frame of a page.

    Attributes:
        csrf: what forms must send back; "" for a stranger, who is shown nothing but the desk's name and the frame.
        here: the page, for the navigation.
        halts: scope -> reason, as of now.
        waiting: decisions in the inbox.
        scopes: everything that can be halted, by kind.
        core_down: the core does not answer, so that nothing can be sent or recorded.
        events: the position in the ledger up to which the page surely shows everything.
    """

    name: str
    tz: str = "UTC"
    currency: str = "USD"
    csrf: str = ""
    here: str = ""
    halts: dict[str, str] = {}
    modes: tuple[VenueMode, ...] = ()
    waiting: int = 0
    scopes: dict[str, tuple[str, ...]] = {}
    core_down: bool = False
    events: int = 0

    @property
    def live(self) -> tuple[VenueMode, ...]:
        """The venues that trade real money."""
        return tuple(mode for mode in self.modes if mode.mode == "live")


class Shells:
    """Makes the frames of one desk's pages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._arming = Arming(desk.ledger)

    def of_stranger(self) -> Shell:
        return Shell(name=self._desk.workspace.desk.name, modes=self._modes(told=False))

    def of(self, csrf: str, here: str, *, events: int = 0) -> Shell:
        """Return the frame for somebody who is signed in; the read models are as the last refresh left them."""
        desk, workspace = self._desk, self._desk.workspace
        declared = workspace.trading
        return Shell(
            name=workspace.desk.name,
            tz=workspace.desk.tz,
            currency=workspace.desk.currency,
            csrf=csrf,
            here=here,
            halts=dict(desk.halts.reasons),
            modes=self._modes(told=True),
            waiting=trading.waiting(desk.db, now_ns=desk.time_ns()),
            scopes={
                "venue": tuple(declared.venues),
                "strategy": tuple(declared.strategies),
                "instrument": tuple(declared.instruments),
            },
            events=events,
            core_down=desk.through_core and core_trouble(workspace.socket) is not None,
        )

    def _modes(self, *, told: bool) -> tuple[VenueMode, ...]:
        venues = self._desk.workspace.trading.venues.items()
        return tuple(
            VenueMode(name=name, mode=s.mode, locked=self._arming.why_not(name, s) if told else None)
            for name, s in venues
        )
