"""What a manifest becomes for Airflow: which DAGs, in which files, and what Airflow does otherwise."""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation import Automation, Manifest, plan_cycle
from steersman.automation.adapters.airflow import create
from steersman.automation.adapters.airflow.cron import as_airflow_reads_it
from steersman.automation.adapters.airflow.dags import Plan, plan
from steersman.automation.adapters.airflow.files import marks, write
from steersman.automation.adapters.airflow.quoting import jinja_literal, python_literal, shell_words
from steersman.automation.adapters.airflow.render import Target, file_text, mark_of
from steersman.automation.adapters.airflow.settings import AirflowSettings
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.adapters.memory import create as memory_ledger


def a_target(**fields: Any) -> Target:
    return Target(
        **{
            "command": ("steersman",),
            "workspace": "/srv/desk",
            "prefix": "desk",
            "start_date": date(2026, 1, 2),
            "max_active_tasks": 8,
            **fields,
        }
    )


def planned(*automations: Automation) -> Plan:
    return plan(Manifest(automations), "desk")


def starts(found: Plan) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return {dag.dag_id: (dag.schedule, dag.roots, dag.members) for dag in found.dags}


QUARTERLY = {"schedule": "*/15 * * * mon-fri", "tz": "America/New_York"}


def test_what_is_connected_by_needs_shares_a_file_and_each_schedule_has_a_dag() -> None:
    found = planned(
        an_automation("login"),
        an_automation("prices", needs=("login",), **QUARTERLY),
        an_automation("news", needs=("login",), **QUARTERLY),
        an_automation("report", needs=("prices",)),
        an_automation("nightly", needs=("login",), schedule="30 2 * * *"),
        an_automation("alone", schedule="0 0 1 * *"),
    )
    assert list(found.files) == ["steersman_desk_login.py", "steersman_desk_alone.py"]
    assert starts(found) == {
        "desk.alone": ("0 0 1 * *", ("alone",), ("alone",)),
        "desk.login": ("", ("login",), ("login",)),
        "desk.nightly": ("30 2 * * *", ("nightly",), ("login", "nightly")),
        "desk.prices": (QUARTERLY["schedule"], ("prices", "news"), ("login", "prices", "news", "report")),
    }


def test_an_event_starts_a_dag_without_a_schedule_and_the_plan_says_who_triggers_it() -> None:
    found = planned(an_automation("on-halt", on=("trading.halted",)))
    assert [(d.dag_id, d.trigger) for d in found.dags] == [("desk.on-halt.event", "event")]
    assert found.differs == {"on-halt": "Airflow does not see our events; it starts on them while `steersman up` runs"}


def test_who_follows_two_schedules_never_starts_in_airflow_and_that_is_said() -> None:
    found = planned(
        an_automation("a", schedule="0 1 * * *"),
        an_automation("b", schedule="0 2 * * *"),
        an_automation("both", needs=("a", "b")),
    )
    assert found.differs == {"both": "never starts in Airflow: no schedule of one DAG brings a and b together"}


def test_what_is_disabled_starts_nothing() -> None:
    assert planned(an_automation(schedule="* * * * *", enabled=False)).files == {}


def test_all_missed_starts_are_made_up_for_where_that_was_declared() -> None:
    found = planned(
        an_automation("a", schedule="* * * * *", catchup="all"),
        an_automation("b", schedule="* * * * *"),
        an_automation("c", schedule="* * * * *", catchup="none"),
    )
    assert {d.dag_id: d.catchup for d in found.dags} == {"desk.a": True, "desk.b": False, "desk.c": False}
    assert found.differs == {"c": "catchup = none, but Airflow makes up for the latest start after a pause"}


NAMES = ("a", "b", "c", "d", "e")


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    return Manifest(
        an_automation(
            name,
            needs=tuple(draw(st.sets(st.sampled_from(NAMES[:index]), max_size=2))) if index else (),
            schedule=draw(st.sampled_from([None, "* * * * *", "0 5 * * *"])),
            on=draw(st.sampled_from([(), ("trading.halted",)])),
            enabled=draw(st.booleans()),
        )
        for index, name in enumerate(NAMES)
    )


@given(manifest=manifests())
def test_every_trigger_is_in_one_dag_with_the_members_that_our_own_engines_start(manifest: Manifest) -> None:
    found = plan(manifest, "desk")
    roots = {t: sorted(n for d in found.dags if d.trigger == t for n in d.roots) for t in ("schedule", "event")}
    assert roots["schedule"] == sorted(a.name for a in manifest if a.enabled and a.schedule)
    assert roots["event"] == sorted(a.name for a in manifest if a.enabled and a.on)
    for dag in found.dags:
        assert list(dag.members) == plan_cycle(manifest, dag.roots, dependants=True)
        assert all(set(needs) <= set(dag.members) for needs in dag.needs.values())
    assert len({dag.dag_id for dag in found.dags}) == len(found.dags)


# -- text ----------------------------------------------------------------------------------------------------

PATHS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40)
HOSTILE = [
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{# gone #}",
    "it's",
    'say "no"',
    "\\",
    "a\\u0041",
    "x.sh",
    "ü😀",
    "a\r\nb\n",
    "$(id)`id`",
]


@given(text=PATHS | st.sampled_from(HOSTILE))
def test_a_python_literal_reads_back_as_the_text(text: str) -> None:
    literal = python_literal(text)
    assert ast.literal_eval(literal) == text
    assert literal.isascii()


@given(text=PATHS | st.sampled_from(HOSTILE))
def test_a_jinja_literal_renders_to_the_text(text: str) -> None:
    jinja2 = pytest.importorskip("jinja2", reason="Airflow's template language, as it is here for the console")
    assert jinja2.Environment(autoescape=False).from_string(jinja_literal(text)).render() == text
    assert not jinja_literal(text).endswith((".sh", ".bash")), "Airflow would look for a file"


@given(words=st.lists(PATHS | st.sampled_from(HOSTILE), min_size=1, max_size=4))
def test_a_generated_file_is_python_and_its_command_reaches_bash_as_it_was_meant(words: list[str]) -> None:
    jinja2 = pytest.importorskip("jinja2", reason="as above")
    target = a_target(command=tuple(words), workspace="/" + words[0])
    manifest = Manifest([an_automation(), an_automation("after", needs=("job",))])
    found = plan(manifest, "desk")
    text = file_text(found.dags, found, target, manifest.digest())
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert constants["STEERSMAN"] == shell_words(words)
    rendered = jinja2.Environment(autoescape=False).from_string(constants["STEERSMAN"]).render()
    said = subprocess.run(
        ["bash", "-c", f'printf "%s\\0" {rendered}'], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert said.stdout.decode().split("\0")[:-1] == words
    mark = mark_of(text)
    assert mark is not None
    assert (mark.workspace, mark.digest) == (target.workspace, manifest.digest())


def test_generated_files_stand_alone_and_are_clean(tmp_path: Path) -> None:
    manifest = Manifest(
        [
            an_automation("login"),
            an_automation("prices", needs=("login",), **QUARTERLY),
            an_automation("on-halt", on=("trading.halted",)),
            an_automation("needs-tokens", needs=("login",), resources={"broker": 1}),
        ]
    )
    target = a_target(workspace='/srv/de"sk {{ x }}', command=("/opt/it's/python", "-m", "steersman.cli"))
    found = [p for p in write(plan(manifest, "desk"), target, manifest.digest(), tmp_path) if p.suffix == ".py"]
    imported = {
        node.module
        for path in found
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported == {"datetime", "airflow.sdk", "airflow.providers.standard.operators.bash"}
    rules = "E,F,W,I,B,C4,PIE,RUF,SIM,UP"
    for words in (("check", "--select", rules), ("format", "--check")):
        ruff = [sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", "--line-length", "120", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


# -- files ---------------------------------------------------------------------------------------------------


def exported(folder: Path, *automations: Automation, **target: Any) -> list[str]:
    manifest = Manifest(automations)
    files = write(plan(manifest, "desk"), a_target(**target), manifest.digest(), folder)
    return [path.name for path in files]


def test_an_export_replaces_ours_and_touches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("theirs")
    (tmp_path / "steersman_desk_mine.py").write_text("# written by hand")
    assert exported(tmp_path, an_automation("a"), an_automation("b")) == [
        "steersman_desk.txt",
        "steersman_desk_a.py",
        "steersman_desk_b.py",
    ]
    assert exported(tmp_path, an_automation("b")) == ["steersman_desk.txt", "steersman_desk_b.py"]
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["other.py", "steersman_desk.txt", "steersman_desk_b.py", "steersman_desk_mine.py"]


def test_an_export_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    exported(tmp_path, an_automation())
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    exported(tmp_path, an_automation())
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_file_of_another_workspace_or_of_nobody_is_in_the_way_and_nothing_is_written(tmp_path: Path) -> None:
    exported(tmp_path, an_automation("a"), workspace="/srv/other")
    with pytest.raises(Misconfigured, match="belongs to the workspace /srv/other; nothing was exported"):
        exported(tmp_path, an_automation("a"), an_automation("b"))
    (tmp_path / "steersman_desk_a.py").write_text("by hand")
    (tmp_path / "steersman_desk.txt").unlink()
    with pytest.raises(Misconfigured, match="was not written by Steersman"):
        exported(tmp_path, an_automation("a"), an_automation("b"))
    assert not (tmp_path / "steersman_desk_b.py").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be written"):
        exported(tmp_path / "file" / "dags", an_automation())


def test_the_note_beside_the_files_says_what_airflow_does_otherwise(tmp_path: Path) -> None:
    exported(tmp_path, an_automation("a", schedule="0 1 * * *", catchup="none"), an_automation("b", approve=True))
    note = (tmp_path / "steersman_desk.txt").read_text()
    assert "desk.a: 0 1 * * * UTC; runs a" in note
    assert "- a: catchup = none, but Airflow makes up for the latest start after a pause" in note
    assert "- b: tokens, windows and approvals are waited for inside the task" in note


# -- engine without Airflow ----------------------------------------------------------------------------------


def an_engine(root: Path, **fields: Any) -> Any:
    return create(root=root, ledger=memory_ledger(), clock=FakeClock(), settings=AirflowSettings(**fields))


def test_without_airflow_files_are_exported_and_the_status_says_what_cannot_be_done(tmp_path: Path) -> None:
    root, dags = tmp_path / "My Desk", tmp_path / "dags"
    dags.mkdir()
    engine = an_engine(root, dags=str(dags))
    manifest = Manifest([an_automation("a", schedule="0 1 * * *", catchup="none")])
    engine.start(manifest)
    status = engine.status()
    with pytest.raises(Misconfigured, match="names no python"):
        engine.run_now("a")
    engine.close()
    assert list(marks(dags, a_target(workspace=str(root), prefix="my-desk"))) == ["steersman_my-desk_a.py"]
    assert (status.ok, status.deployed) == (True, manifest.digest())
    assert {f.name: f.level for f in status.facts} == {"airflow": "warn", "DAG files": "ok", "a differs": "ok"}


def test_another_manifest_is_exported_while_the_desk_runs_unless_airflow_cannot_be_told(tmp_path: Path) -> None:
    root, dags = tmp_path / "desk", tmp_path / "dags"
    dags.mkdir()
    engine = an_engine(root, dags=str(dags))
    engine.start(Manifest([an_automation("a", schedule="0 1 * * *"), an_automation("h", on=("policy.halt.set",))]))
    later = Manifest([an_automation("b", schedule="0 9 * * *; 0 12 * * sat"), an_automation("c", schedule="every 90m")])
    engine.renew(later)
    texts = {path.name: path.read_text() for path in dags.glob("*.py")}
    with pytest.raises(Misconfigured, match="'every 2d'"):
        engine.renew(Manifest([an_automation("b", schedule="every 2d")]))
    status = engine.status()
    engine.close()
    assert list(texts) in (
        ["steersman_desk_b.py", "steersman_desk_c.py"],
        ["steersman_desk_c.py", "steersman_desk_b.py"],
    )
    assert 'MultipleCronTriggerTimetable("0 9 * * *", "0 12 * * sat", timezone="UTC")' in texts["steersman_desk_b.py"]
    assert "30 1,4,7,10,13,16,19,22 * * *" in texts["steersman_desk_c.py"]
    assert (status.deployed, engine.conductor.manifest.digest()) == (later.digest(), later.digest())


def test_files_of_an_older_manifest_are_told_with_the_way_to_mend_it(tmp_path: Path) -> None:
    engine = an_engine(tmp_path, dags=str(tmp_path))
    engine.export(Manifest([an_automation("a")]), tmp_path)
    engine.start(Manifest([an_automation("a"), an_automation("b")]), schedules=False)
    fact = next(f for f in engine.status().facts if f.name == "DAG files")
    engine.close()
    assert (fact.level, fact.fix) == ("warn", f"steersman auto engine export {tmp_path}")


def test_schedules_without_a_folder_for_them_are_refused(tmp_path: Path) -> None:
    engine = an_engine(tmp_path)
    with pytest.raises(Misconfigured, match="names no folder of DAGs"):
        engine.start(Manifest([an_automation(schedule="* * * * *")]))
    engine.close()


def test_making_up_for_everything_needs_a_first_day(tmp_path: Path) -> None:
    manifest = Manifest([an_automation("a", schedule="* * * * *", catchup="all")])
    with pytest.raises(Misconfigured, match="a: catchup = all would have Airflow start it for every time"):
        an_engine(tmp_path).export(manifest, tmp_path)
    an_engine(tmp_path, start_date="2026-12-01").export(manifest, tmp_path)
    assert "start_date=datetime(2026, 12, 1, tzinfo=UTC)" in next(tmp_path.glob("*.py")).read_text()


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 0 LW * *", "Airflow knows no working days of a month"),
        ("0 0 */2 * 1", "day */2 and weekday 1 must both hold, and in Airflow either would do"),
        ("0 0 13 * */2", "day 13 and weekday */2 must both hold"),
    ],
)
def test_a_schedule_that_airflow_cannot_be_told_is_refused_by_name(tmp_path: Path, schedule: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        an_engine(tmp_path).export(Manifest([an_automation("a", schedule=schedule)]), tmp_path)
    assert f"a: schedule {schedule!r}: {said}" in refused.value.message
    assert list(tmp_path.glob("*.py")) == []


def test_the_last_friday_of_a_month_is_spelled_as_airflow_does() -> None:
    assert [as_airflow_reads_it(f"0 9 * * {day}") for day in ("5L", "7L", "fri")] == [
        "0 9 * * L5",
        "0 9 * * L0",
        "0 9 * * fri",
    ]


def test_only_what_the_change_of_the_clock_can_touch_is_told() -> None:
    new_york = {"tz": "America/New_York"}
    found = planned(
        an_automation("a", schedule="30 2 * * *", **new_york),
        an_automation("b", schedule="*/5 * * * *", **new_york),
        an_automation("c", schedule="30 2 * * *"),
    )
    assert found.differs == {"a": "on the days the clock is changed Airflow may start it up to an hour later"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('python = "nowhere/python"', r"steersman.toml:3: engine.python: there is no file .*nowhere/python"),
        ('dags = "nowhere"', r"steersman.toml:3: engine.dags: there is no folder .*nowhere"),
        ('prefix = "My Desk"', r"steersman.toml:3: engine.prefix: found 'My Desk'; allowed"),
        ('command = "it\'s"', r"steersman.toml:3: engine.command: not a command line"),
        ('workspace = "desk"', r"steersman.toml:3: engine.workspace: found 'desk'; allowed: a path from /"),
        ('start_date = "soon"', r"steersman.toml:3: engine.start_date: found 'soon', which is not a day"),
        ("dag = 1", r"steersman.toml:3: engine.dag: unknown field"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    file = TomlFile(f'[engine]\nkind = "airflow"\n{line}\n', name="steersman.toml")
    with pytest.raises(Misconfigured, match=said):
        file.section(("engine",), AirflowSettings).checked(file, ("engine",), tmp_path)


def test_settings_are_frozen_values() -> None:
    assert msgspec.structs.replace(AirflowSettings(), prefix="x").begins(Path("/srv/desk")) == "x"
    assert AirflowSettings().begins(Path("/srv/Mon Bureau é")) == "mon-bureau"
    assert AirflowSettings().begins(Path("/")) == "desk"
