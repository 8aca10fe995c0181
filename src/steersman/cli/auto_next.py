"""`steersman auto next`: what comes when, what does not, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steersman.cli.auto_words import local, span
from steersman.cli.context import HERE, AsJson, Dir, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import iso

if TYPE_CHECKING:
    from rich.text import Text

    from steersman.automation.model.upcoming import Coming


def next_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many starts.")] = 20,
    directory: Dir = HERE,
    as_json: AsJson = False,
) -> None:
    """List the next starts, those that will not happen among them, and why the others have no time."""
    from steersman.automation.control.forecast import forecast  # `--help` needs no domain
    from steersman.automation.model.schedule import why_not
    from steersman.automation.standing import standing
    from steersman.bootstrap.engines import manifest_of
    from steersman.bootstrap.operating import held

    with opened(directory, by_what_is_in_force=True) as desk:
        manifest, now, tz = manifest_of(desk.workspace), desk.clock.now_ns(), desk.workspace.desk.tz
        paused = held(desk, manifest)
        coming = forecast(manifest, paused, now, limit)
        plain = {a.name: why for a in manifest if (why := why_not(a))}
        waiting = plain | {name: f"{plain[name]}; {why}" for name, why in paused.items() if name in plain}
        still = standing(manifest, desk.ledger, desk.workspace.state, tz=desk.workspace.desk.tz)

    def render() -> None:
        show_table(
            "",
            [(f"start, {tz}", "left"), ("in", "right"), ("automation", "left"), ("", "left")],
            [_row(c, now, tz) for c in coming],
            empty="nothing starts by the clock"
            if waiting
            else "no automations yet: add [automation.NAME] to steersman.toml",
        )
        for title, rows in (
            (
                "without a time",
                [(n, f"{why}; {paused[n].brief}" if n in paused else why) for n, why in plain.items()],
            ),
            (
                "standing still now",
                [(s.run_id or s.automation, f"{s.why}{'; ' if s.next else ''}{s.next}") for s in still],
            ),
        ):
            if rows:
                console().print(f"\n{title}:")
                show_table("", [("automation", "left"), ("", "left")], rows, empty="")

    data = {
        "starts": [
            {"at": iso(c.at), "automation": c.automation, "in_s": (c.at - now) / 1e9, "note": c.note}
            for c in coming
            if not c.why
        ],
        "will_not_start": [
            {"first": iso(c.at), "last": iso(c.last), "automation": c.automation, "starts": c.count, "why": c.why}
            for c in coming
            if c.why
        ],
        "not_scheduled": waiting,
        "standing_still": still,
    }
    emit(as_json, data, render)


def _row(coming: Coming, now: int, tz: str) -> list[str | Text]:
    from rich.text import Text  # only the human form needs it

    at = local(coming.at, tz, zone=False)
    if not coming.why:
        return [at, span((coming.at - now) / 1e9), coming.automation, coming.note]
    many = f"{coming.count} starts until {local(coming.last, tz, zone=False)}: " if coming.count > 1 else ""
    return [Text(cell, style="dim") for cell in (at, "no", coming.automation, many + coming.why)]
