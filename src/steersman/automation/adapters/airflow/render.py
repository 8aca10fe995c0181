"""The text of a DAG file: it stands alone, the same manifest gives the same text, and it holds no rule of ours.

What a run means (needs, windows, tokens, approval, retries, timeouts, skipping and why) is decided by `auto exec` when
the task runs. Airflow keeps the time, the order and a picture.
"""

from __future__ import annotations

import ast
import re
from datetime import date

import msgspec

from steersman.automation.adapters.airflow.dags import Dag, Plan
from steersman.automation.adapters.airflow.quoting import python_literal, shell_words
from steersman.automation.model.schedule import BETWEEN

MAX_ACTIVE_RUNS = 16
"""Airflow must not hold a start back while one runs: `overlap` says what becomes of it."""
_MARK = re.compile(r"# steersman: workspace (.+), manifest ([0-9a-f]{64})\n")
_AT = "((dag_run.logical_date or dag_run.run_after).timestamp() * 1000000) | round | int"
_SCHEDULED = "dag_run.run_type in ('scheduled', 'backfill')"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the tasks will run.

    Attributes:
        command: words that start `steersman` there.
        workspace: the workspace there.
        start_date: no start before it is made up for.
        max_active_tasks: tasks of one DAG at once.
    """

    command: tuple[str, ...]
    workspace: str
    prefix: str
    start_date: date
    max_active_tasks: int


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Whose file it is: the first line says so."""

    workspace: str
    digest: str


def mark_of(text: str) -> Mark | None:
    """Return whose file this is, None if it is not ours."""
    found = _MARK.match(text)
    if found is None:
        return None
    try:
        return Mark(workspace=str(ast.literal_eval(found.group(1))), digest=found.group(2))
    except (ValueError, SyntaxError):
        return None


def first_line(workspace: str, digest: str) -> str:
    """Return the line by which a file is known to be ours; a comment in Python."""
    return f"# steersman: workspace {python_literal(workspace)}, manifest {digest}"


def file_text(dags: tuple[Dag, ...], plan: Plan, target: Target, digest: str) -> str:
    """Return a DAG file whose starts are named by Airflow's: a schedule's instant, or the run that a hand began."""
    moment = {
        "STEERSMAN_AT": "{{ (dag_run.conf or {}).get('at') or ((" + _AT + ") ~ '000') }}",
        "STEERSMAN_CAUSE": (
            "{{ (dag_run.conf or {}).get('cause') or ('schedule' if " + _SCHEDULED + " else 'manual') }}"
        ),
        "STEERSMAN_CYCLE": (
            "{{ (dag_run.conf or {}).get('cycle') or (('schedule/' ~ ("
            + _AT
            + ") ~ '000') if "
            + _SCHEDULED
            # What somebody starts by hand is a cycle of its own.
            + " else ('airflow/' ~ dag_run.dag_id ~ '/' ~ dag_run.run_id)) }}"
        ),
    }
    here = {name for dag in dags for name in dag.members}
    about = [f"{dag.dag_id}: {dag.words}" for dag in dags]
    about += [f"{name}: {difference}" for name, difference in plan.differs.items() if name in here]
    about += plan.notes
    return _text(dags, target, digest, moment, about, {})


def cycle_text(
    dag: Dag, target: Target, digest: str, *, at: int, cycle: str, cause: str, more: dict[str, tuple[str, ...]]
) -> str:
    """Return a DAG file for one cycle that is carried out now; `more` are further words for a member's command."""
    moment = {"STEERSMAN_AT": str(at), "STEERSMAN_CAUSE": cause, "STEERSMAN_CYCLE": cycle}
    words = {name: shell_words(words) for name, words in more.items() if words}
    return _text((dag,), target, digest, moment, [f"{dag.dag_id}: one cycle"], words)


def _text(
    dags: tuple[Dag, ...],
    target: Target,
    digest: str,
    moment: dict[str, str],
    about: list[str],
    more: dict[str, str],
) -> str:
    lines = [*_head(dags, target, digest, moment, about)]
    for dag in dags:
        lines += ["", *_dag_lines(dag, target, more)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(dags: tuple[Dag, ...], target: Target, digest: str, moment: dict[str, str], about: list[str]) -> list[str]:
    sdk = ", ".join(["DAG", *sorted({_timetable(dag)[0] for dag in dags if dag.trigger == "schedule"})])
    return [
        first_line(target.workspace, digest),
        "# ruff: noqa: E501 - commands and paths are as long as they are",
        '"""Written by `steersman auto engine export`: change steersman.toml and export again, changes here are lost.',
        "",
        *(f"{_comment(line)}" for line in about),
        '"""',
        "",
        "from datetime import UTC, datetime",
        "",
        "from airflow.providers.standard.operators.bash import BashOperator",
        f"from airflow.sdk import {sdk}",
        "",
        f"STEERSMAN = {python_literal(shell_words(target.command))}  # fmt: skip",
        f"WORKSPACE = {python_literal(shell_words([target.workspace]))}  # fmt: skip",
        "# Which start this is: asked for twice, it runs once.",
        "MOMENT = {",
        *(f"    {python_literal(key)}: {python_literal(value)}," for key, value in moment.items()),
        "}",
        "",
        "",
        'def run(name, cycle, *needs, more=""):',
        '    """Carry out one automation; exit code 99 is a start that was skipped, and the ledger says why."""',
        '    start = \'--at "$STEERSMAN_AT" --cycle "$STEERSMAN_CYCLE" --cause "$STEERSMAN_CAUSE"\'',
        "    task = BashOperator(",
        "        task_id=name,",
        '        bash_command=f"exec {STEERSMAN} auto exec {name} {cycle} --dir {WORKSPACE} {start} {more}",',
        "        env=MOMENT,",
        "        append_env=True,",
        "        skip_on_exit_code=99,",
        '        trigger_rule="all_done",',
        "        retries=0,",
        "    )",
        "    task.set_upstream(list(needs))",
        "    return task",
        "",
        "",
        "def verdict(tasks):",
        '    """Fail the DAG run when a task failed: those after it are skipped, and a skip alone looks well."""',
        "    task = BashOperator(",
        '        task_id="Verdict", bash_command="echo a run failed; exit 1", trigger_rule="one_failed", retries=0',
        "    )",
        "    task.set_upstream(list(tasks.values()))",
        "",
    ]


def _timetable(dag: Dag) -> tuple[str, list[str]]:
    """Return what Airflow calls a timetable of these cron lines, and the lines."""
    lines = dag.schedule.split(BETWEEN)
    return "CronTriggerTimetable" if len(lines) == 1 else "MultipleCronTriggerTimetable", lines


def _dag_lines(dag: Dag, target: Target, more: dict[str, str]) -> list[str]:
    schedule = "None"
    if dag.trigger == "schedule":
        name, lines = _timetable(dag)
        schedule = f"{name}({', '.join(map(python_literal, lines))}, timezone={python_literal(dag.tz)})"
    start = target.start_date
    lines = [
        "with DAG(",
        f"    dag_id={python_literal(dag.dag_id)},",
        f"    schedule={schedule},",
        f"    start_date=datetime({start.year}, {start.month}, {start.day}, tzinfo=UTC),",
        f"    catchup={dag.catchup},",
        f"    max_active_runs={MAX_ACTIVE_RUNS},",
        f"    max_active_tasks={target.max_active_tasks},",
        f'    tags=["steersman", {python_literal(target.prefix)}],',
        "    doc_md=__doc__,",
        "):",
        f'    cycle = "--members {",".join(dag.members)} --roots {",".join(dag.roots)}"',
        "    tasks = {}",
    ]
    for name in dag.members:
        needs = "".join(f', tasks["{need}"]' for need in dag.needs[name])
        further = f", more={python_literal(more[name])}" if name in more else ""
        lines.append(f'    tasks["{name}"] = run("{name}", cycle{needs}{further})')
    return [*lines, "    verdict(tasks)", ""] if len(dag.members) > 1 else [*lines, ""]


def _comment(line: str) -> str:
    """Return `line` so that it can stand in a docstring."""
    return python_literal(line)[1:-1].replace('\\"', "'")
