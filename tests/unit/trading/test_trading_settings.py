"""The trading part of steersman.toml: what it becomes, and how each mistake is placed."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from steersman.bootstrap.plugins import setting_type
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.trading.adapters.paper.settings import PaperSettings
from steersman.trading.model.instrument import Instrument
from steersman.trading.settings import TradingSettings, read

GOOD = """\
[instrument.IBM]
tick = "0.01"
venue = "paper"

[venue.paper]
seed = 7
latency = "250ms"
fee_bps = "1"

[feed.daily]
files = "data/{instrument}.csv"
tz = "America/New_York"
close_time = 16:00:00

[strategy.trend]
file = "strategies/trend.py"
instruments = ["IBM"]

[strategy.trend.parameters]
fast = 20
"""


def reading(text: str, root: Path) -> TradingSettings:
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / "trend.py").write_text("def on_bar(bar): ...\n", encoding="utf-8")
    return read(TomlFile(text, name="steersman.toml"), root, partial(setting_type, "venue"))


def test_a_good_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    found = reading(GOOD, tmp_path)
    assert found.instruments == {
        "IBM": Instrument(name="IBM", tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper", symbol="IBM")
    }
    paper = found.venues["paper"]
    assert isinstance(paper, PaperSettings)
    assert paper.latency_ns == 250_000_000
    assert found.feeds["daily"].close_time == time(16)
    assert found.strategies["trend"].parameters == {"fast": 20}
    assert found.strategies["trend"].enabled


def test_nothing_declared_is_nothing_traded(tmp_path: Path) -> None:
    assert reading("", tmp_path) == TradingSettings()


@pytest.mark.parametrize(
    ("before", "after", "place", "says"),
    [
        ('tick = "0.01"', 'tick = "0"', ":2:", "above 0"),
        ('tick = "0.01"', 'tick = "NaN"', ":2:", "above 0"),
        ('tick = "0.01"', 'tick = "-0.01"', ":2:", "above 0"),
        ('tick = "0.01"', 'tick = "0.00000000001"', ":2:", "nine decimals"),
        ('tick = "0.01"\n', "", ":1:", "`tick` is missing"),
        ('tick = "0.01"', 'tik = "0.01"', ":2:", "did you mean `tick`?"),
        ('venue = "paper"', 'venue = "papper"', ":3:", "did you mean 'paper'?"),
        ("seed = 7", 'seed = "seven"', ":6:", "found 'seven'"),
        ('latency = "250ms"', 'latency = "soon"', ":7:", "soon"),
        ('fee_bps = "1"', 'fee_bps = "-1"', ":8:", "allowed: 0 to 1000"),
        ('fee_bps = "1"', 'participation = "0"', ":8:", "above 0"),
        ('files = "data/{instrument}.csv"', 'files = "data/all.csv"', ":11:", "{instrument}"),
        ('tz = "America/New_York"', 'tz = "America/Nowhere"', ":12:", "no such time zone"),
        ("close_time = 16:00:00", "start = 2024-02-01\nend = 2024-01-01", ":14:", "before start"),
        ("close_time = 16:00:00", "gap_days = -1", ":13:", "allowed: 0 to 250"),
        ('file = "strategies/trend.py"', 'file = "strategies/tend.py"', ":16:", "no Python file"),
        ('file = "strategies/trend.py"', 'file = "strategies"', ":16:", "no Python file"),
        ('instruments = ["IBM"]', 'instruments = ["IBN"]', ":17:", "did you mean 'IBM'?"),
        ('instruments = ["IBM"]', "instruments = []", ":17:", "never see a bar"),
        ("[instrument.IBM]", '[instrument."I B"]', ":1:", "a name is letters"),
        ("[strategy.trend]", '[feed.second]\nfiles = "x/{instrument}.csv"\n[strategy.trend]', ":15:", "second feed"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_is_allowed(
    before: str, after: str, place: str, says: str, tmp_path: Path
) -> None:
    assert before in GOOD
    with pytest.raises(Misconfigured) as refusal:
        reading(GOOD.replace(before, after, 1), tmp_path)
    assert f"steersman.toml{place}" in refusal.value.message
    assert says in str(refusal.value)
    assert refusal.value.fix
