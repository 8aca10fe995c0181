"""`steersman venue`: where orders go, and the lock before real money."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.errors import Misconfigured, Rejected

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.trading.settings import VenueSettings

app = noun("Venues: where orders go; arm and disarm those that trade real money.")
Name = Annotated[str, typer.Argument(help="As in steersman.toml: [venue.NAME].")]


class VenueLine(msgspec.Struct, frozen=True, kw_only=True):
    """One venue: `trades` is yes, or why it takes no order."""

    name: str
    kind: str
    mode: str
    instruments: tuple[str, ...]
    trades: str


@app.command("list")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List the venues, whether they trade real money, and whether they may."""
    from steersman.bootstrap.venues import Arming  # `--help` needs no domain

    with opened(directory) as desk:
        arming, trading = Arming(desk.ledger), desk.workspace.trading
        rows = [
            VenueLine(
                name=name,
                kind=settings.kind,
                mode=settings.mode,
                instruments=tuple(n for n, i in trading.instruments.items() if i.venue == name),
                trades=arming.why_not(name, settings) or "yes",
            )
            for name, settings in trading.venues.items()
        ]

    def render() -> None:
        list_rows(
            [("venue", "left"), ("kind", "left"), ("mode", "left"), ("instruments", "left"), ("trades", "left")],
            [
                [r.name, r.kind, r.mode.upper() if r.mode == "live" else r.mode, ", ".join(r.instruments), r.trades]
                for r in rows
            ],
            empty="this desk has no venue: add a [venue.NAME] to steersman.toml",
        )

    emit(as_json, rows, render)


@app.command()
def arm(
    name: Name,
    confirm: Annotated[
        str, typer.Option("--confirm", help="The words that are asked for, where there is no terminal to type them.")
    ] = "",
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Allow a live venue to trade real money, with the settings it has now. Asks to type its name."""
    from steersman.bootstrap.venues import fingerprint  # as above
    from steersman.ledger import new_event  # as above
    from steersman.trading.events import VENUE_ARMED, VenueArmed  # as above

    with opened(directory) as desk:
        settings = _live(desk, name)
        words = f"trade real money at {name}"
        if not confirm and sys.stdin.isatty():
            say(f"Orders at {name} ({settings.kind}) will spend real money, on every signal that passes the gate.")
            confirm = typer.prompt(f'Type "{words}"')
        if confirm != words:
            raise Rejected("not armed: the words were not typed", fix=f"type exactly: {words}")
        now = desk.clock.now_ns()
        data = VenueArmed(venue=name, fingerprint=fingerprint(settings), by="person:cli", at=now)
        desk.ledger.append([new_event(VENUE_ARMED, stream=f"venue/{name}", data=data, actor="person:cli", now_ns=now)])
    text = f"{name} may trade real money; `steersman venue disarm {name}` and `steersman halt` take that back"
    emit(as_json, data, lambda: say(text))


@app.command()
def disarm(name: Name, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Take the permission back: no further order is sent there. Open orders stay; `steersman halt` ends them."""
    from steersman.bootstrap.venues import fingerprint  # as above
    from steersman.ledger import new_event  # as above
    from steersman.trading.events import VENUE_DISARMED, VenueArmed  # as above

    with opened(directory) as desk:
        settings = _live(desk, name)
        now = desk.clock.now_ns()
        data = VenueArmed(venue=name, fingerprint=fingerprint(settings), by="person:cli", at=now)
        event = new_event(VENUE_DISARMED, stream=f"venue/{name}", data=data, actor="person:cli", now_ns=now)
        desk.ledger.append([event])
    emit(as_json, data, lambda: say(f"{name} takes no order any more"))


def _live(desk: Desk, name: str) -> VenueSettings:
    settings = desk.workspace.trading.venues.get(name)
    if settings is None:
        raise Misconfigured(f"there is no venue {name!r}", fix="`steersman venue list` names them")
    if settings.mode != "live":
        raise Rejected(
            f"venue {name} is {settings.mode}: it cannot spend money, so there is nothing to arm",
            fix=f'write mode = "live" in [venue.{name}] first, if real money is meant',
        )
    return settings
