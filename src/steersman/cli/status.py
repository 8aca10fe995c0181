"""`steersman status`: is anything wrong, what waits, what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steersman.cli.context import HERE, AsJson, Dir, opened, single
from steersman.cli.output import emit, show_table

if TYPE_CHECKING:
    from steersman.bootstrap.status import Status

app = single("What runs, what waits, what is halted.")


@app.command()
def status(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """Show the desk at a glance."""
    from steersman.bootstrap.status import look  # `--help` needs no domain

    with opened(directory, by_what_is_in_force=True) as desk:
        found = look(desk)
    emit(as_json, found, lambda: _render(found))


def _render(found: Status) -> None:
    verdicts = ", ".join(f"{n:,} {name}" for name, n in found.verdicts.items()) or "none"
    runs = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in found.runs.items()) or "none"
    differs = "; steersman.toml differs: a running core takes it in a second" if found.policy_differs else ""
    rows = [
        ["core", "runs" if found.core_trouble is None else f"{found.core_trouble.found} ({found.core_trouble.fix})"],
        ["console", found.console or "does not run (steersman up)"],
        ["halted", "; ".join(f"{scope}: {why}" for scope, why in found.halted.items()) or "nothing"],
        *_wrong(found),
        ["waiting", f"{found.waiting} (steersman inbox list)" if found.waiting else "nothing waits for you"],
        ["policy", f"version {found.policy_version}{differs}" if found.policy_version else "none in force yet"],
        ["equity", found.equity or "nothing traded yet"],
        *([f"feed {name}", text] for name, text in found.feeds.items()),
        *([f"venue {name}", text] for name, text in found.venues.items()),
        ["verdicts", verdicts],
        ["runs", f"{runs} (engine {found.engine})"],
        *([f"paused {'all' if name == '*' else name}", why] for name, why in found.paused.items()),
        ["drafts", f"{found.drafts}: {found.blocked} blocked, {found.published} published"],
        ["ledger", f"{found.events:,} events"],
    ]
    show_table(found.name, [("", "left"), ("", "left")], rows, empty="")


def _wrong(found: Status) -> list[list[str]]:
    """Return what somebody has to do something about, each with the command that shows more."""
    disabled = "; ".join(f"{name}: {why}" for name, why in found.strategies_disabled.items())
    return [
        *([["disabled", disabled]] if disabled else []),
        *([["file", found.refused]] if found.refused else []),
        *([f"late {name}", f"{what} (steersman auto show {name})"] for name, what in found.late.items()),
        *(
            [f"failed {name}", f"{what} (steersman auto show {name})"]
            for name, what in found.failing.items()
            if name not in found.late
        ),
        *([f"notify {name}", f"did not arrive: {why} (steersman notify list)"] for name, why in found.untold.items()),
        *([f"login {name}", f"wants you: steersman auth login {name}"] for name in found.logins),
        *([["overdue", "\n".join(found.overdue)]] if found.overdue else []),
        *([["publishing", f"{found.publishing} (steersman doctor)"]] if found.publishing else []),
    ]
