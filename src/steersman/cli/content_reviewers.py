"""`steersman content reviewers`: who may be asked, where text would go, and the scores so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import utc

if TYPE_CHECKING:
    from steersman.bootstrap.desk import Desk


def reviewers(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List the declared reviewers, and what they last said of each draft. Asks nobody."""
    with opened(directory) as desk:
        declared = [
            {
                "reviewer": name,
                "kind": settings.kind,
                "is_local": settings.is_local,
                "remote": settings.remote,
                "min_score": dict(settings.minimum),
            }
            for name, settings in desk.workspace.content.reviewers.items()
        ]
        told = _told(desk)

    emit(as_json, {"reviewers": declared, "latest": told}, lambda: _show(declared, told))


def _told(desk: Desk) -> list[dict[str, Any]]:
    import msgspec  # `--help` needs no domain

    from steersman.content.reviewers import last_said

    return [
        {**msgspec.structs.asdict(one), "said": f"failed: {one.problem}" if one.problem else _shown(one.scores)}
        for one in last_said(desk.ledger)
    ]


def _show(declared: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
    show_table(
        "",
        [("reviewer", "left"), ("kind", "left"), ("text", "left"), ("stops below", "left")],
        [
            [row["reviewer"], row["kind"], _goes(row["is_local"], may_leave=row["remote"]), _shown(row["min_score"])]
            for row in declared
        ],
        empty='no reviewers yet: write [reviewer.lt] kind = "languagetool" (docs/reference/reviewers.md)',
    )
    if told:
        console().print()
        show_table(
            "",
            [("draft", "left"), ("reviewer", "left"), ("day", "left"), ("said", "left")],
            [[row["draft"], row["reviewer"], f"{utc(row['at']):%Y-%m-%d}", row["said"]] for row in told],
            empty="",
        )
    elif declared:
        console().print(f"nobody was asked yet: content check --review {declared[0]['reviewer']}", markup=False)


def _goes(is_local: object, *, may_leave: object) -> str:
    if is_local is None:
        return "goes where its model is"
    return "stays here" if is_local else "may leave" if may_leave else "asks before it leaves"


def _shown(scores: object) -> str:
    if not isinstance(scores, dict) or not scores:
        return "-"
    return ", ".join(f"{name} {value:g}" for name, value in scores.items())
