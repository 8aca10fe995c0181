"""Write docs/reference/fail-open.md from a run: `steersman bench order --json | python scripts/fail_open_page.py`."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

from steersman import __version__
from steersman.kernel.clock import SystemClock, utc
from steersman.kernel.errors import SteersmanError, Unavailable

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "fail-open.md"
TOTAL = "bad orders let through"
CASE = "bad order let through: "
HEAD = """# Orders that should not go out

Made from a run of `steersman bench order --json` by `scripts/fail_open_page.py`; do not edit. Measured {day} with
Steersman {version} and {peer}, Python {python}.

Each case is one mistake, sent for real on both sides: here by a strategy in a workspace of its own that trades on the
paper venue under the policy of a new workspace, there by a strategy through NautilusTrader's way to the venue
(strategy, risk engine, execution engine). *Through* means that it was handed to the venue as it was asked for. What is
held for a person or cut to a limit here is not through; what a venue refuses afterwards is through: a venue's own
checks are not the desk's.
{settings}.

Result: **{ours} {of}** through here, **{theirs}**. A case that one side cannot be put in is "not
applicable", and not counted.

| an order ... | here | why | NautilusTrader | why |
| --- | --- | --- | --- | --- |
"""
TAIL = """
What the table does not say: its risk engine returns before its checks of money when the account is a margin account
(that case tells what it says of the same order on a cash account). It has no limit of a position, but checks an order
against the free balance, so that case was put to it as a balance of 40,000. Trading states (halted, reducing) exist on
both sides and are not in the table: a person sets them.
"""


def page(rows: list[dict[str, Any]], day: date) -> str:
    """Return the page of one run, measured on `day`.

    Raises:
        Unavailable: the run has no bad orders in it, or none at the peer.
    """
    total = next((row for row in rows if row["metric"] == TOTAL), None)
    if total is None or total["compared_with"].endswith("not measured"):
        raise Unavailable(
            "the run has no bad orders of both sides", fix="run `steersman bench order --json` with the peer"
        )
    peer, theirs = total["compared_with"].split(": ")
    head = HEAD.format(
        day=day.isoformat(),
        version=__version__,
        peer=peer,
        python=platform.python_version(),
        settings=textwrap.fill(total["note"].split("; ")[1], 118),
        ours=int(total["value"]),
        of=total["unit"],
        theirs=f"{theirs} there",
    )
    return head + "".join(_line(row, peer) for row in rows if row["metric"].startswith(CASE)) + TAIL


def _line(row: dict[str, Any], peer: str) -> str:
    ours, theirs = row["note"].split(" | ")
    ours, theirs = ours.removeprefix("ours: "), theirs.removeprefix(f"{peer}: ")
    here = "not applicable" if row["value"] is None else _through(row["value"])
    there = (
        _through(float(row["compared_with"].rpartition(": ")[2])) if ": " in row["compared_with"] else "not applicable"
    )
    cells = (row["metric"].removeprefix(CASE), here, ours, there, theirs)
    return f"| {' | '.join(cells)} |\n"


def _through(value: float) -> str:
    return "**through**" if value else "stopped"


def main() -> int:
    """Write the page of the run on standard input."""
    try:
        text = page(json.load(sys.stdin), utc(SystemClock().now_ns()).date())
    except (SteersmanError, ValueError) as exc:
        print(exc, file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
