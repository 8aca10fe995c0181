"""`[kpi.NAME]`: what may be set, and refusals that name the line."""

from __future__ import annotations

import pytest

from steersman.feedback.kpi import Kpi
from steersman.feedback.settings import SECTION, KpiSettings, validate
from steersman.feedback.standard import STANDARD
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile


def read(text: str) -> dict[str, Kpi]:
    file = TomlFile(text, name="steersman.toml")
    return {kpi.name: kpi for kpi in validate(file, file.section((SECTION,), KpiSettings))}


def test_without_settings_the_standard_kpis_are_in_force() -> None:
    assert tuple(read("").values()) == STANDARD


def test_a_standard_kpi_takes_target_and_guardrail_or_goes() -> None:
    found = read("[kpi.max_drawdown]\ntarget = 0.05\nguardrail = 0.07\n[kpi.halts]\nenabled = false\n")
    assert (found["max_drawdown"].target, found["max_drawdown"].guardrail) == (0.05, 0.07)
    assert "halts" not in found


def test_a_kpi_of_ones_own_needs_only_a_type() -> None:
    found = read('[kpi.my_runs]\ntype = "automation.run.finished"\n')["my_runs"]
    assert (found.domain, found.title, found.aggregate, found.direction) == ("automation", "My runs", "count", "up")


def test_the_aggregate_follows_from_what_is_given() -> None:
    text = '[kpi.a]\ntype = "t.a.b"\nfield = "x"\n[kpi.b]\ntype = "t.a.b"\nover = { type = "t.c.*", field = "y.z" }\n'
    found = read(text)
    assert (found["a"].aggregate, found["b"].aggregate, found["b"].unit) == ("sum", "ratio", "ratio")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[kpi.net_pnl]\ntarget = 1\nunit = "EUR"\n', 3, "standard KPI"),
        ("[desk]\n[kpi.net_pln]\ntarget = 1.0\n", 2, "did you mean .kpi.net_pnl."),
        ('[kpi.Mine]\ntype = "t.a.b"\n', 1, "small letter"),
        ('[kpi.x]\ntype = "Nonsense"\n', 2, "not an event type"),
        ('[kpi.x]\ntype = "t.a.b"\nfield = "a..b"\n', 3, "dotted path"),
        ('[kpi.x]\ntype = "t.a.b"\naggregate = "p95"\n', 3, "needs a number"),
        ('[kpi.x]\ntype = "t.a.b"\naggregate = "ratio"\n', 3, "needs `over`"),
        ('[kpi.x]\ntype = "t.a.b"\nfield = "x"\naggregate = "max"\nover = { type = "t.a.c" }\n', 5, "no meaning"),
        ('[kpi.x]\ntype = "t.a.b"\nfield = "x"\naggregate = "count"\n', 3, "looks at no field"),
        ("[kpi.net_pnl]\ntarget = nan\n", 2, "a number"),
        ("[kpi.max_drawdown]\ntarget = 0.3\nguardrail = 0.2\n", 3, "above the target"),
        ('[kpi.x]\ntype = "t.a.b"\ntarget = 1\nguardrail = 2\n', 4, "below the target"),
        ("[kpi.net_pnl]\ntarge = 1\n", 2, "did you mean `target`"),
        ("[kpi.net_pnl]\ntarget = 'much'\n", 2, "found 'much'"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_to_do(text: str, line: int, says: str) -> None:
    with pytest.raises(Misconfigured, match=says) as caught:
        read(text)
    assert str(caught.value).startswith(f"steersman.toml:{line}: kpi.")
    assert caught.value.fix
