"""`steersman inbox`: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import emit
from steersman.cli.terminal import list_rows, say
from steersman.kernel.clock import iso

if TYPE_CHECKING:
    from steersman.trading.queries import Hold

app = noun("What waits for a person.")
_HONEST = (
    "Answering by hand is not there yet: a hold that nobody answers expires, and nothing is sent. "
    "To let such orders pass, change the limit that held them in steersman.toml."
)


@app.callback()
def _noun() -> None:
    """What waits for a person."""
    # Without a callback Typer would make the one command the noun itself.


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Those that expired, too.")] = False,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List decisions that wait, newest first, with when they expire."""
    from steersman.trading import queries  # `--help` needs no domain

    with opened(directory) as desk:
        # Holds expire on the feed's clock, which in a replay is not today's.
        now = queries.market_now(desk.db) or desk.clock.now_ns()
        rows = queries.holds(desk.db, now_ns=now, open_only=not all_, limit=limit)
    emit(as_json, {"holds": rows, "market_now": now, "note": _HONEST}, lambda: _show(rows, all_=all_))


def _show(rows: list[Hold], *, all_: bool) -> None:
    list_rows(
        [("what", "left"), ("why", "left"), ("expires", "left"), ("", "left")],
        [[row.what, row.why, iso(row.expires_at)[:10], row.status] for row in rows],
        empty="nothing was ever held"
        if all_
        else "nothing waits for you; `steersman inbox list --all` shows holds that expired",
    )
    if rows:
        say()
        say(_HONEST)
