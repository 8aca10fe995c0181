"""`steersman auto`: the manifest with its figures; each further command has a file of its own."""

from __future__ import annotations

from steersman.cli import auto_adopt, auto_engine
from steersman.cli.auto_audit import audit
from steersman.cli.auto_backfill import backfill
from steersman.cli.auto_cancel import cancel
from steersman.cli.auto_exec import exec_
from steersman.cli.auto_graph import graph
from steersman.cli.auto_logs import logs
from steersman.cli.auto_next import next_
from steersman.cli.auto_pause import pause, resume
from steersman.cli.auto_rerun import rerun
from steersman.cli.auto_run import run
from steersman.cli.auto_show import show
from steersman.cli.auto_words import local, word
from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table

_FIGURES = (("good", "right"), ("p50", "right"))
app = noun("Scripts declared once: when they run, what they need, how they went.")


@app.command("list", short_help="How each went, and when it starts next.")
def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every automation: last run, how often it succeeds, how long it takes, when it starts next."""
    import msgspec  # `--help` needs no domain

    from steersman.automation.queries import summaries  # as above
    from steersman.bootstrap.deadlines import overdue_now
    from steersman.bootstrap.engines import manifest_of, missing_script
    from steersman.bootstrap.operating import held

    with opened(directory, by_what_is_in_force=True) as desk:
        missing, manifest = missing_script(desk.workspace), manifest_of(desk.workspace)
        late, still, tz = overdue_now(desk), held(desk, manifest), desk.workspace.desk.tz
        rows = [
            msgspec.structs.replace(row, overdue=late.get(row.automation, ""))
            for row in summaries(desk.db, manifest, now_ns=desk.clock.now_ns(), held=still)
        ]

    def render() -> None:
        show_table(
            "",
            [
                ("automation", "left"),
                ("last", "left"),
                ("good", "right"),
                ("p50", "right"),
                (f"next start, {tz}", "left"),
            ],
            [
                [
                    row.automation,
                    word(f"{row.last_status or 'never ran'}, overdue" if row.overdue else row.last_status),
                    "-" if row.success_ratio is None else f"{row.success_ratio:.0%} of {row.runs}",
                    "-" if row.p50_wall_s is None else f"{row.p50_wall_s:.2f} s",
                    still[row.automation].brief
                    if row.automation in still
                    else (local(row.next_start, tz, zone=False) if row.next_start is not None else row.why_not),
                ]
                for row in rows
            ],
            empty="no automations yet: add [automation.NAME] with run = ... to steersman.toml",
        )
        if missing is not None:
            console(error=True).print(f"its runs will fail: {missing}", markup=False)

    emit(as_json, rows, render)


app.command(short_help="Run one now, after what it needs, and wait.")(run)
app.command(short_help="Everything about one automation, or one run.")(show)
app.command(short_help="What a run printed; --follow while it prints.")(logs)
app.command(short_help="Start nothing of it any more, for a while or until resumed.")(pause)
app.command(short_help="Let it start again.")(resume)
app.command(short_help="End a run that is under way or waits.")(cancel)
app.command(short_help="Run a cycle again from where it failed.")(rerun)
app.command(short_help="Make up for starts of the past, in order.")(backfill)
app.command("next", short_help="The next starts, and why something will not start.")(next_)
app.command(short_help="What needs what, and how it stands; --svg as a picture.")(graph)
app.command(short_help="Find what scripts do twice; write it as a patch.")(audit)
app.add_typer(auto_adopt.app, name="adopt", short_help="Take over a crontab, a folder or systemd timers.")
app.add_typer(auto_engine.app, name="engine", short_help="How the engine is; deploy, export, worker.")
app.command("exec", short_help="One run of a cycle: what Prefect and Airflow start.")(exec_)
