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
        ('run = "true"\nschedule = "61 * * * *"', "bad minute field; found '61 * * * *'", "*/15"),
        ('run = "true"\ntz = "Mars/Olympus"', "no such time zone: 'Mars/Olympus'", "America/New_York"),
        ('run = "true"\ntimeout = "5 minutes"', "is not a span", "5m"),
        ('run = "true"\ntimeout = "0s"', "allowed: more than 0", "timeout"),
        ('run = "true"\nretries = 99', "found 99, allowed: 0 to 20", "retries"),
        ('run = "true"\nneeds = ["prise"]', "needs 'prise', which is not declared", "add [automation.prise]"),
        ('run = "true"\nneeds = ["joc"]', "needs 'joc', which is not declared", "did you mean 'job'?"),
        ('run = "true"\nneeds = ["job"]', "can never start: job -> job", "take one of these needs out"),
        ('run = "true"\non = ["automation.run.finished"]', "cannot start an automation", "needs"),
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
