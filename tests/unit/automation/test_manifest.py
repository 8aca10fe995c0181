"""The order of automations and who joins a cycle."""

from __future__ import annotations

import pytest
from tests.builders_automation import an_automation

from steersman.automation.model.manifest import Cycle, Manifest, UnknownNeed, plan_cycle


def a_diamond() -> Manifest:
    return Manifest(
        [
            an_automation("report", needs=("chart", "table")),
            an_automation("chart", needs=("prices",)),
            an_automation("table", needs=("prices",)),
            an_automation("prices", schedule="0 18 * * *"),
            an_automation("backup", schedule="0 18 * * *"),
        ]
    )


def test_everything_stands_after_what_it_needs() -> None:
    assert a_diamond().order == ("prices", "chart", "table", "report", "backup")


def test_a_circle_is_named_in_full_from_its_first_member_back_to_it() -> None:
    loop = [an_automation("start", needs=("a",))]
    loop += [an_automation("a", needs=("b",)), an_automation("b", needs=("c",)), an_automation("c", needs=("a",))]
    with pytest.raises(Cycle) as caught:
        Manifest(loop)
    assert caught.value.path == ("a", "b", "c", "a")


def test_an_automation_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(Cycle, match="a -> a"):
        Manifest([an_automation("a", needs=("a",))])


def test_a_need_nobody_declared_is_refused() -> None:
    with pytest.raises(UnknownNeed) as caught:
        Manifest([an_automation("chart", needs=("price",))])
    assert (caught.value.automation, caught.value.need) == ("chart", "price")


def test_a_run_by_hand_brings_what_it_needs_and_nobody_else() -> None:
    assert plan_cycle(a_diamond(), ["chart"]) == ["prices", "chart"]


def test_a_run_alone_brings_nothing() -> None:
    assert plan_cycle(a_diamond(), ["report"], needs=False) == ["report"]


def test_those_without_a_trigger_follow_what_they_need() -> None:
    assert plan_cycle(a_diamond(), ["prices"], dependants=True) == ["prices", "chart", "table", "report"]


def test_one_with_a_schedule_of_its_own_does_not_follow() -> None:
    manifest = Manifest([an_automation("prices"), an_automation("chart", needs=("prices",), schedule="0 20 * * *")])
    assert plan_cycle(manifest, ["prices"], dependants=True) == ["prices"]


def test_one_that_is_disabled_does_not_follow() -> None:
    manifest = Manifest([an_automation("prices"), an_automation("chart", needs=("prices",), enabled=False)])
    assert plan_cycle(manifest, ["prices"], dependants=True) == ["prices"]


def test_the_digest_depends_on_the_declarations_and_not_on_their_order() -> None:
    one, two = an_automation("a"), an_automation("b")
    assert Manifest([one, two]).digest() == Manifest([two, one]).digest()
    assert Manifest([one, two]).digest() != Manifest([one, an_automation("b", retries=1)]).digest()
