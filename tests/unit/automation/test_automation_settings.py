"""Every mistake in `[automation.NAME]` is refused with its line and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.automation import AutomationSettings, Manifest, validate
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile


def load(root: Path, text: str) -> Manifest:
    (root / "automations").mkdir(exist_ok=True)
    (root / "automations" / "pull_prices.py").touch()
    file = TomlFile(text, name="steersman.toml")
    declared = file.section(("automation",), dict[str, AutomationSettings])
    return validate(file, declared, root, tz="Europe/Zurich")


def test_a_full_declaration_is_taken_over_with_spans_in_seconds(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        """
        [automation.prices]
        run = "automations/pull_prices.py --all"
        schedule = "*/15 * * * mon-fri"
        timeout = "5m"
        retries = 2
        overlap = "queue"
        env = { REGION = "us" }

        [automation.chart]
        run = "steersman kpi list"
        tz = "America/New_York"
        needs = ["prices"]
        """,
    )
    prices, chart = manifest["prices"], manifest["chart"]
    assert (prices.timeout_s, prices.retries, prices.overlap, prices.env) == (300.0, 2, "queue", {"REGION": "us"})
    assert (prices.tz, chart.tz, chart.needs) == ("Europe/Zurich", "America/New_York", ("prices",))


@pytest.mark.parametrize(
    ("line", "problem", "fix"),
    [
        ('run = "automations/pul_prices.py"', "there is no file automations/pul_prices.py", "pull_prices.py"),
        ('run = "no-such-command-here"', "no command 'no-such-command-here'", "install"),
        ('run = "sh -c \'open"', "not a command line", "close the quote"),
        ('run = ""', "is empty", "name a script"),
        (
            'run = "true"\nschedule = "61 * * * *"',
            "bad minute field ('61'; allowed: 0 to 59); found '61 * * * *'",
            "*/15",
        ),
        ('run = "true"\nschedule = "0 0 31 2 *"', "('31'; allowed: 1 to 31 or L, and a day that its", "*/15"),
        ('run = "true"\nneeds = "job"', "expected `array`, got `str`; found 'job'", 'write ["job"]'),
        ('run = "true"\ntimeout = 5', "expected `str`, got `int`; found 5", "put it in quotes"),
        ('run = "true"\nresources = { cpi = 1 }', "there is no resource 'cpi'", "If not, add `cpi = 1` to [resources]"),
        ('run = "true"\ntz = "Mars/Olympus"', "no such time zone: 'Mars/Olympus'", "America/New_York"),
        ('run = "true"\ntimeout = "5 minutes"', "is not a span", "5m"),
        ('run = "true"\ntimeout = "0s"', "allowed: more than 0", "timeout"),
        ('run = "true"\nretries = 99', "found 99, allowed: 0 to 20", "retries"),
        ('run = "true"\nneeds = ["prise"]', "needs 'prise', which is not declared", "add [automation.prise]"),
        ('run = "true"\nneeds = ["joc"]', "needs 'joc', which is not declared", "did you mean 'job'?"),
        ('run = "true"\nneeds = ["job"]', "can never start: job -> job", "take one of these needs out"),
        ('run = "true"\non = ["automation.run.finished"]', "comes from its own runs too", "needs"),
        ('run = "true"\nwindow = "9-5"', "'9-5' is no window", "mon-fri 09:00-17:30"),
        (
            'run = "true"\nschedule = "0 3 * * *"\nwindow = "09:00-17:00"',
            "no start of '0 3 * * *' falls into '09:00-17:00' (Europe/Zurich): it would never run",
            'outside = "wait"',
        ),
        ('run = "true"\nblackout = ["24.12.2026"]', "'24.12.2026' is no blackout", "us-holidays"),
        (
            'run = "true"\nblackout = ["moon"]',
            "there is no calendar 'moon'; declared: none; built in: us-",
            "[calendar",
        ),
        (
            'run = "true"\nresources = { broker = 1 }',
            "there is no resource 'broker'; declared: cpu",
            "add `broker = 1`",
        ),
        ('run = "true"\nresources = { cpu = 9999 }', "wants 9999 of cpu, allowed: 1 to", "take less"),
        ('run = "true"\ncatchup = "some"', "invalid enum value 'some'", "change the value"),
        ('run = "true"\napprove_within = "soon"', "'soon' is not a span", "5m"),
        ('run = "true"\nparams = { Days = 1 }', "'Days' cannot be a parameter", "small letter"),
        ('run = "true"\ncredentials = ["bank"]', "there is no [provider.bank]; declared: none", "add [provider.bank]"),
        ('run = "true"\npulls = ["bars"]', "there is no [pull.bars]; declared: none", "add [pull.bars]"),
        ('run = "true"\nartifact_limit_mb = 0', "found 0, allowed: 1 to", "artifact_limit_mb"),
        ('run = "true"\nenv = { STEERSMAN_RUN_ID = "x" }', "'STEERSMAN_RUN_ID' cannot be set", "set for you"),
    ],
)
def test_a_mistake_names_file_line_field_and_a_way_out(tmp_path: Path, line: str, problem: str, fix: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, f"# a comment\n\n[automation.job]\n{line}\n")
    wrong_line = 3 + len(line.splitlines())
    assert caught.value.message.startswith(f"steersman.toml:{wrong_line}: automation.job")
    assert problem in caught.value.message
    assert fix in caught.value.fix


def test_a_circle_is_named_in_full_with_the_line_of_its_first_need(tmp_path: Path) -> None:
    text = "".join(
        f'[automation.{name}]\nrun = "true"\nneeds = ["{need}"]\n'
        for name, need in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    with pytest.raises(Misconfigured, match=r"^steersman\.toml:3: automation\.a\.needs: .* a -> b -> c -> a"):
        load(tmp_path, text)


def test_an_unknown_field_is_refused_with_its_nearest_neighbour(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, '[automation.job]\nrun = "true"\nretrys = 2\n')
    assert "steersman.toml:3" in caught.value.message
    assert "retries" in caught.value.fix


def test_a_name_that_could_not_be_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="a name is a small letter"):
        load(tmp_path, '[automation."../x"]\nrun = "true"\n')


@pytest.mark.parametrize(
    ("schedule", "window"),
    [
        ("*/1 * * * *", "sun 03:00-03:05"),
        ("0 3 1 * *", "mon 03:00-04:00"),
        ("30 2 * * *", "02:30-02:31"),
        ("0 0 29 2 *", "00:00-00:01"),
    ],
)
def test_a_window_that_a_start_falls_into_now_and_then_is_taken(tmp_path: Path, schedule: str, window: str) -> None:
    text = f'[automation.job]\nrun = "true"\nschedule = "{schedule}"\nwindow = "{window}"\n'
    assert load(tmp_path, text)["job"].window is not None


@pytest.mark.parametrize("amount", [0, -1, 10_001])
def test_a_resource_has_at_least_one_token(tmp_path: Path, amount: int) -> None:
    with pytest.raises(Misconfigured, match=rf"^steersman\.toml:2: resources\.api: found {amount}, allowed: 1 "):
        load(tmp_path, f"[resources]\napi = {amount}\n")


def test_resources_and_calendars_reach_the_manifest(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        """
        [resources]
        api = 2
        [calendar.releases]
        dates = ["2026-12-01"]
        [automation.job]
        run = "true"
        resources = { api = 2, cpu = 1 }
        blackout = ["releases", "2026-12-24..2026-12-26"]
        """,
    )
    assert manifest.resources["api"] == 2
    assert list(manifest.calendars) == ["releases"]
    assert [b.text for b in manifest["job"].blackout] == ["releases", "2026-12-24..2026-12-26"]
