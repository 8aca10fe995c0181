"""`steersman content learn`: what is known of each rule, and why some keep quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.errors import Rejected

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk


def learn(
    silence: Annotated[str | None, typer.Option("--silence", metavar="RULE", help="It says nothing any more.")] = None,
    reset: Annotated[str | None, typer.Option("--reset", metavar="RULE", help="Forget what was learned of it.")] = None,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what became of each rule's findings, and which rules keep quiet, per content type.

    A rule that is hardly ever right is silenced; one that stops a post is only proposed: --silence accepts that.
    """
    from steersman.bootstrap import content, learning  # `--help` needs no domain
    from steersman.content.queries import learning as queries

    with opened(directory) as desk:
        learning.settle(desk, actor=content.actor())
        judge = learning.judge(desk, actor=content.actor())
        for rule, is_silent in ((reset, False), (silence, True)):
            if rule is not None:
                _check_known(queries.known_rules(desk.db), rule)
                judge.decide(rule, is_silent=is_silent)
                desk.refresh()
        rows = _rows(desk)
    emit(as_json, rows, lambda: _show(rows))


def _check_known(known: frozenset[str], rule: str) -> None:
    if rule in known:
        return
    alike = sorted(name for name in known if name.casefold().startswith(rule.casefold()[:4]))
    names = ", ".join(alike or sorted(known)[:10]) or "none so far"
    raise Rejected(f"no finding was ever of a rule {rule!r}", fix=f"rules that objected: {names}")


def _rows(desk: Desk) -> list[dict[str, object]]:
    from steersman.bootstrap import learning  # as above
    from steersman.content.model.learning import ENOUGH_RATIO
    from steersman.content.queries import learning as queries

    known, gates = learning.learned(desk), queries.gates(desk.db)
    keys = set(known.tallies) | {(rule, "") for rule in known.silenced if not known.everywhere(rule).decided}
    rows = []
    for rule, type_ in sorted(keys):
        tally, everywhere = known.tally(rule, type_), known.everywhere(rule)
        posterior = known.posterior(rule, type_)
        state = known.state(rule, type_, is_gate=(rule, type_) in gates)
        rows.append(
            {
                "rule": rule,
                "type": type_,
                "accepted": tally.accepted,
                "rejected": tally.rejected,
                "expected_precision": posterior.mean,
                "probability_useful": posterior.above(ENOUGH_RATIO),
                "state": state,
                "why": known.why(rule, type_, is_gate=(rule, type_) in gates),
                "everywhere": {"accepted": everywhere.accepted, "rejected": everywhere.rejected},
            }
        )
    return rows


def _show(rows: list[dict[str, object]]) -> None:
    show_table(
        "",
        [("rule", "left"), ("type", "left"), ("right", "right"), ("wrong", "right"), ("expected", "right"),
         ("state", "left")],
        [
            [
                row["rule"],
                row["type"] or "-",
                row["accepted"],
                row["rejected"],
                f"{row['expected_precision']:.0%}",
                row["state"],
            ]
            for row in rows
        ],
        empty="nothing was learned yet: content accept or reject FINGERPRINT tells it",
    )  # fmt: skip
    out = console()
    for row in rows:
        if row["state"] != "speaks":
            out.print(f"  {row['rule']}: {row['why']}", style="dim", markup=False)
