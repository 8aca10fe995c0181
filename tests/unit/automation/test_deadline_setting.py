"""`deadline` in the manifest: what may be written, and the run that each due start is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import an_automation

from steersman.automation import Manifest, settings
from steersman.automation.model.cycle import requests, scheduled_cycle
from steersman.automation.model.manifest import plan_cycle
from steersman.automation.overdue import run_of
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile


def read(lines: str) -> Manifest:
    file = TomlFile(f'[automation.prices]\nrun = "true"\n{lines}\n', name="steersman.toml")
    return settings.validate(
        file, file.section(("automation",), dict[str, settings.AutomationSettings]), Path(), scripts=False
    )


def test_a_deadline_is_a_span_after_the_start_was_due() -> None:
    assert read('schedule = "0 6 * * *"\ndeadline = "45m"')["prices"].deadline_s == 2700
    assert read('every = "1h"\ndeadline = "30m"')["prices"].deadline_s == 1800
    assert read('schedule = "0 6 * * *"')["prices"].deadline_s is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('deadline = "45m"', "neither a schedule nor needs"),
        ('on = ["policy.halt.set"]\ndeadline = "45m"', "neither a schedule nor needs"),
        ('schedule = "0 6 * * *"\ndeadline = "soon"', "'soon' is not a span"),
        ('schedule = "0 6 * * *"\ndeadline = "0s"', "found 0s"),
        ('schedule = "0 6 * * *"\ndeadline = "30d"', "found 30d"),
    ],
)
def test_a_deadline_that_nothing_could_be_judged_by_is_refused_with_its_line(lines: str, found: str) -> None:
    with pytest.raises(Misconfigured, match=found) as refused:
        read(lines)
    assert refused.value.message.startswith(f"steersman.toml:{3 + lines.count(chr(10))}: automation.prices.deadline")
    assert refused.value.fix


def test_the_run_that_is_judged_is_the_one_that_every_engine_starts() -> None:
    at = 1_764_482_400 * 10**9
    manifest = Manifest([an_automation("prices", schedule="0 6 * * *"), an_automation("report", needs=("prices",))])
    names = plan_cycle(manifest, ["prices"], dependants=True)
    made = requests(manifest, names, ["prices"], cycle=scheduled_cycle(at), cause="schedule", at=at)
    assert [request.run_id for request in made] == [run_of("prices", at), run_of("report", at)]
