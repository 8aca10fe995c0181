"""`steersman content review-stats`: what review cost, and what the first pass spared it, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.plurals import counted

if TYPE_CHECKING:
    from steersman.content.review.measured import Amount, Measured, Share


def review_stats(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Say how much of what people object to the first pass had found, and how many rounds a piece takes."""
    from steersman.content.queries import learning, pieces  # `--help` needs no domain
    from steersman.content.review.measured import measured

    with opened(directory) as desk:
        found = measured(pieces.rounds(desk.db), pieces.remarks(desk.db), learning.confirmed(desk.db))
    emit(as_json, found, lambda: _show(found))


def _show(found: Measured) -> None:
    out = console()
    rows = [
        ["caught by the first pass", *_share(found.caught)],
        *([f"  {name}", *_share(share)] for name, share in found.by_category.items()),
        *([f"  type {name}", *_share(share)] for name, share in found.by_type.items()),
        ["with confirmed findings", *_share(found.with_confirmed)],
        ["rounds until approved", *_amount(found.rounds, 1)],
        ["hours in review", *_amount(found.hours, 1)],
    ]
    show_table("", [("", "left"), ("figure", "right"), ("95% or mean", "left"), ("n", "right")], rows, empty="")
    for month in found.months if found.rounds.mean is not None else ():
        pieces = counted(month.pieces, "piece")
        out.print(f"  {month.month}: {month.mean_rounds:.1f} rounds a piece ({pieces} approved)", markup=False)
    out.print(
        "Caught: remarks on a place in the text at which the first pass had an open finding; with confirmed: also "
        f"findings that a person said are right. Below {found.enough} there is not enough data for a figure.",
        markup=False,
        style="dim",
    )


def _share(share: Share) -> list[str]:
    if share.ratio is None or share.low is None or share.high is None:
        return ["not enough data", f"{share.hits} of {share.n}", str(share.n)]
    return [f"{share.ratio:.0%}", f"{share.low:.0%} to {share.high:.0%}", str(share.n)]


def _amount(amount: Amount, places: int) -> list[str]:
    if amount.median is None or amount.mean is None:
        return ["not enough data", "", str(amount.n)]
    return [f"{amount.median:.{places}f}", f"mean {amount.mean:.{places}f}", str(amount.n)]
