"""`[slots]` is checked where it stands, and a channel's own settings win."""

from __future__ import annotations

import datetime as dt

import pytest

from steersman.content.settings.channels import ChannelSettings
from steersman.content.settings.slots import SlotSettings, read
from steersman.content.slots.constraints import constraints_of
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

CHANNELS = {"site": ChannelSettings(kind="memory")}


def settings(text: str) -> SlotSettings:
    return read(TomlFile(text, name="steersman.toml"), CHANNELS)


def test_nothing_written_is_the_usual() -> None:
    found = constraints_of(settings(""), "site", "Europe/Berlin")
    assert (found.hours, found.min_gap_s, found.daily_cap, found.random_ratio) == (((480, 1200),), 14_400.0, 3, 0.2)
    assert found.tz == "Europe/Berlin"


def test_what_a_channel_says_wins_for_it_alone() -> None:
    found = settings(
        '[slots]\ndaily_cap = 2\nblackout = ["2026-12-24..2026-12-26"]\n'
        '[slots.channel.site]\ndaily_cap = 5\nhours = ["22:00-02:00"]\n'
    )
    own, other = (constraints_of(found, name, "UTC") for name in ("site", "other"))
    assert (own.daily_cap, own.hours) == (5, ((1320, 120),))
    assert (other.daily_cap, other.hours) == (2, ((480, 1200),))
    assert own.blackout == ((dt.date(2026, 12, 24), dt.date(2026, 12, 26)),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('hours = ["8-20"]', "slots.hours: found '8-20', allowed: spans of the day"),
        ('hours = ["08:00-24:30"]', "slots.hours: found '08:00-24:30'"),
        ('hours = ["08:00-08:00"]', "slots.hours: found '08:00-08:00'"),
        ("hours = []", r"slots.hours: found \[\], allowed: one span at least"),
        ('quiet = ["noon"]', "slots.quiet: found 'noon'"),
        ('weekdays = ["monday"]', "slots.weekdays: found 'monday', allowed: mon, tue"),
        ("weekdays = []", "slots.weekdays: found"),
        ('blackout = ["2026-12-26..2026-12-24"]', "slots.blackout: found"),
        ('blackout = ["christmas"]', "slots.blackout: found 'christmas'"),
        ('min_gap = "soon"', "slots.min_gap: found 'soon', allowed: 0s to 30d"),
        ('step = "1m"', "slots.step: found '1m', allowed: 5m to 24h"),
        ('horizon = "400d"', "slots.horizon: found '400d', allowed: 1d to 90d"),
        ("daily_cap = 0", "slots.daily_cap: found 0, allowed: 1 to 100"),
        ("random_ratio = 1.5", "slots.random_ratio: found 1.5, allowed: 0 to 1"),
        ('usual = "9"', "slots.usual: found '9', allowed: a time of the day"),
        ("gap = 3", "unknown field"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(line: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem) as refused:
        settings(f"[slots]\n{line}\n")
    assert str(refused.value).startswith("steersman.toml:2: ")
    assert refused.value.fix


def test_a_wrong_value_of_a_channel_is_placed_there() -> None:
    with pytest.raises(Misconfigured, match=r"steersman.toml:4: slots.channel.site.daily_cap: found -1"):
        settings("[slots]\ndaily_cap = 2\n[slots.channel.site]\ndaily_cap = -1\n")


def test_a_channel_nobody_declared_is_refused() -> None:
    with pytest.raises(Misconfigured, match="there is no channel 'sight', allowed: site"):
        settings("[slots.channel.sight]\ndaily_cap = 1\n")
