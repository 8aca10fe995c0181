"""`steersman content accept` and `reject`: whether a finding was right, so that its rule is heard as it deserves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit
from steersman.kernel.errors import Misconfigured, Rejected

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk
    from steersman.content.model.learning import Outcome
    from steersman.content.queries.learning import FlagRow

Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="Of the finding, or its first four digits or more.")
]
_SHORTEST = 4
_SHOWN = 5


def accept(fingerprint: Fingerprint, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Say that a finding is right; it stays open until its text is changed. Takes back a rejection."""
    _judge(fingerprint, "accepted", directory=directory, as_json=as_json)


def reject(fingerprint: Fingerprint, directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Say that a finding is none: it is suppressed from the next check on, and its rule trusted less."""
    _judge(fingerprint, "rejected", directory=directory, as_json=as_json)


def _judge(fingerprint: str, outcome: Outcome, *, directory: Dir, as_json: bool) -> None:
    from steersman.bootstrap import content, learning  # `--help` needs no domain

    with opened(directory) as desk:
        row = _the_one(desk, fingerprint.lower())
        learning.judge(desk, actor=content.actor()).say(row.draft, row.fingerprint, outcome, type_=row.type)
        desk.refresh()
        known = learning.learned(desk)
        mean = known.posterior(row.rule, row.type).mean
        tally = known.everywhere(row.rule)
    data = {
        "draft": row.draft,
        "fingerprint": row.fingerprint,
        "rule": row.rule,
        "type": row.type,
        "verdict": outcome,
        "accepted": tally.accepted,
        "rejected": tally.rejected,
        "expected_precision": mean,
    }

    def render() -> None:
        out = console()
        out.print(f"{outcome}  {row.draft}:{row.line}  {row.source}/{row.rule}", markup=False)
        out.print(
            f"  {row.rule}: {tally.accepted} of {tally.decided} accepted so far; "
            "steersman content learn shows all rules",
            style="dim",
            markup=False,
        )
        if outcome == "rejected":
            out.print("  it stops the draft no more: a running desk publishes what is ready and passes", markup=False)

    emit(as_json, data, render)


def _the_one(desk: Desk, prefix: str) -> FlagRow:
    from steersman.content.queries.learning import flags  # as above

    if len(prefix) < _SHORTEST or any(digit not in "0123456789abcdef" for digit in prefix):
        raise Misconfigured(
            f"{prefix!r} is no fingerprint: {_SHORTEST} to 16 digits of 0-9 and a-f",
            fix="steersman content show DRAFT names them",
        )
    found = flags(desk.db, prefix)
    if not found:
        raise Rejected(f"no finding has the fingerprint {prefix}", fix="steersman content show DRAFT names them")
    if len(found) > 1:
        named = "; ".join(f"{row.fingerprint} {row.draft}:{row.line} {row.rule}" for row in found[:_SHOWN])
        raise Rejected(f"{len(found)} findings begin with {prefix}: {named}", fix="give more digits")
    return found[0]
