"""What may start an automation: schedules in lines and intervals, jitter, events with conditions; and its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.automation import Automation, AutomationSettings, Manifest, validate
from steersman.automation.model.schedule import jitter_ns
from steersman.bootstrap.catalogue import event_types
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.ledger.patterns import EventPattern


def load(root: Path, text: str, *, scripts: bool = True) -> Manifest:
    file = TomlFile(text, name="steersman.toml")
    declared = file.section(("automation",), dict[str, AutomationSettings])
    return validate(file, declared, root, types=event_types, scripts=scripts)


def job(root: Path, line: str) -> Automation:
    return load(root, f'[automation.job]\nrun = "true"\n{line}\n')["job"]


def test_a_trigger_is_a_type_or_a_type_with_conditions(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        """
        [automation.prices]
        run = "true"

        [automation.alert]
        run = "true"
        on = ["policy.halt.set", { event = "automation.run.finished", where = { automation = "prices",\
 status = ["failed", "timed_out"], will_retry = false } }]
        debounce = "30s"
        """,
    )
    plain, conditions = manifest["alert"].on
    assert plain == EventPattern(event="policy.halt.set")
    assert conditions.where == {"automation": "prices", "status": ("failed", "timed_out"), "will_retry": False}
    assert manifest["alert"].debounce_s == 30


def test_the_order_of_conditions_does_not_change_the_digest(tmp_path: Path) -> None:
    one = load(tmp_path, '[automation.a]\nrun = "true"\non = [{ event = "script.x.y", where = { b = 1, a = 2 } }]')
    two = load(tmp_path, '[automation.a]\nrun = "true"\non = [{ event = "script.x.y", where = { a = 2, b = 1 } }]')
    other = load(tmp_path, '[automation.a]\nrun = "true"\non = [{ event = "script.x.y", where = { a = 2, b = 2 } }]')
    assert one.digest() == two.digest() != other.digest()


@pytest.mark.parametrize(
    ("line", "problem", "fix"),
    [
        ('on = ["policy.halt.sett"]', "there is no event 'policy.halt.sett'", "did you mean policy.halt.set"),
        ('on = ["polcy.*"]', "there is no event 'polcy.*'", ""),
        ('on = ["Policy.Halt"]', "'Policy.Halt' is no type of event", "small letters"),
        ('on = ["*"]', "'*' is no type of event", "small letters"),
        ('on = ["policy.halt.set\\u202e"]', "is no type of event", "small letters"),
        (
            'on = [{ event = "policy.halt.set", where = { scop = "all" } }]',
            "policy.halt.set has no field 'scop'; it has: reason, scope",
            "did you mean scope?",
        ),
        ('on = [{ event = "policy.halt.set", were = { scope = "all" } }]', "on.0", ""),
        ('on = [{ where = { scope = "all" } }]', "`event` is missing", "event = "),
        ('on = [{ event = "policy.halt.set", where = { scope = [["deep"]] } }]', "on", ""),
        ('on = ["automation.*"]', "is everything that automations do", "where = {"),
        (
            'on = [{ event = "automation.run.finished", where = { status = "failed" } }]',
            "comes from its own runs too",
            'where = { automation = "NAME" }',
        ),
        (
            'on = [{ event = "automation.run.finished", where = { automation = "jobb" } }]',
            "waits for events of 'jobb', which is not declared; declared: job",
            "did you mean job?",
        ),
        (
            'on = [{ event = "automation.run.finished", where = { automation = "job" } }]',
            "automations that start each other never end: job <- job",
            "retries",
        ),
        ('debounce = "30s"', "is there without `on`", "name events"),
        ('on = ["policy.*"]\ndebounce = "2h"', "found 2h, allowed: 0s to 60m", "change debounce"),
        ('on = ["policy.*"]\ndebounce = "soon"', "'soon' is not a span", "30s"),
        ("schedule = []", "is empty", "take it out"),
        (
            'schedule = ["0 9 * * *", "0 25 * * *"]',
            "bad hour field ('25'; allowed: 0 to 23); found '0 25 * * *'",
            "*/15",
        ),
        ('every = "90m"\nschedule = "0 9 * * *"', "stands beside `schedule`", "one of the two"),
        ('every = "36h"', "found 36h, allowed: up to 24h, or whole days", "90m"),
        ('every = "1s"', "found 1s, allowed: 10s to 366d", "90m"),
        ('every = "often"', "'often' is not a span", "90m"),
        ('jitter = "2m"', "is there without a schedule", "take it out"),
        (
            'schedule = "* * * * *"\njitter = "1m"',
            "starts come 60 s after each other; allowed: less than that",
            "shorter",
        ),
        ('every = "1d"\njitter = "2h"', "found 2h, allowed: 0s to 60m", "change jitter"),
        ('cwd = "nowhere"', "there is no folder nowhere in the workspace", "mkdir -p nowhere"),
        ('cwd = "sub/reportz"', "there is no folder sub/reportz", "did you mean sub/reports?"),
        ('cwd = "file"', "file is no folder", "that it stands in"),
        ('cwd = "a\\u0000b"', "has a NUL byte in it", "path"),
    ],
)
def test_a_mistake_names_the_line_and_a_way_out(tmp_path: Path, line: str, problem: str, fix: str) -> None:
    (tmp_path / "sub" / "reports").mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured) as caught:
        job(tmp_path, line)
    assert caught.value.message.startswith("steersman.toml:")
    assert problem in caught.value.message
    assert fix in caught.value.fix


def test_a_circle_of_needs_and_events_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(
            tmp_path,
            """
[automation.a]
run = "true"
on = [{ event = "automation.run.finished", where = { automation = "c" } }]
[automation.b]
run = "true"
needs = ["a"]
[automation.c]
run = "true"
needs = ["b"]
""",
        )
    assert caught.value.message == (
        "steersman.toml:4: automation.a.on: automations that start each other never end: a <- c <- b <- a"
    )


def test_an_event_of_a_script_may_have_any_name_and_any_field(tmp_path: Path) -> None:
    (found,) = job(tmp_path, 'on = [{ event = "script.report.sent", where = { "to.name" = "Zoë 🎉" } }]').on
    assert str(found) == "script.report.sent where to.name = Zoë 🎉"


def test_a_folder_that_is_gone_stops_its_own_run_only(tmp_path: Path) -> None:
    text = '[automation.job]\nrun = "true"\ncwd = "nowhere"\n'
    assert load(tmp_path, text, scripts=False)["job"].cwd == "nowhere"


def test_several_lines_and_an_interval_are_one_schedule(tmp_path: Path) -> None:
    assert job(tmp_path, 'schedule = ["0 9 * * mon-fri", "0 12 * * sat"]').schedule == "0 9 * * mon-fri; 0 12 * * sat"
    assert job(tmp_path, 'every = "90m"\njitter = "2m"').schedule == "every 90m"


def test_jitter_is_the_same_for_a_name_and_differs_between_names(tmp_path: Path) -> None:
    text = "".join(f'[automation.n{i}]\nrun = "true"\nschedule = "0 9 * * *"\njitter = "2m"\n' for i in range(20))
    spread = [jitter_ns(automation) / 1e9 for automation in load(tmp_path, text)]
    assert spread == [jitter_ns(automation) / 1e9 for automation in load(tmp_path, text)]
    assert all(0 <= offset < 120 for offset in spread)
    assert len({int(offset) for offset in spread}) > 15


def test_every_type_that_steersman_writes_is_known_with_its_fields() -> None:
    types = event_types()
    assert {"policy.halt.set", "trading.order.filled", "content.post.published", "auth.reauth_required"} <= set(types)
    assert types["automation.run.finished"] is not None
    assert {"automation", "status", "will_retry"} <= types["automation.run.finished"]
    assert all(types[kind] for kind in types if kind.startswith(("automation.", "policy.", "kernel.")))
