"""The small desk traded once, and its ledger decided again under another policy."""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from tests.builders_desk import CATALOGUE, TOML, settings_of, trade

from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import FakeClock
from steersman.kernel.toml_file import TomlFile
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.document import read_policy
from steersman.trading import events as e
from steersman.trading.model.bar import Bar
from steersman.trading.whatif import Question, Report, replay

KNOWN = {"strategy": {"swing"}, "instrument": {"AAA", "BBB"}, "venue": {"paper"}}
CAPITAL = 100_000


def traded(root: Path, policy: str = "", *, text: str = TOML, capital: int = CAPITAL) -> Ledger:
    """Return the ledger of the desk at `root` traded to its end under `policy`."""
    ledger = memory_ledger(clock=FakeClock())
    trade(root, ledger, text=text, policy=policy, capital=capital)
    return ledger


def changes_of(policy: str) -> dict[str, str]:
    return read_policy(TomlFile(policy, name="other.toml"), CATALOGUE, known=KNOWN)


def bars_of(root: Path, text: str = TOML) -> list[Bar]:
    settings = settings_of(root, text)
    feed = factory("feeds", "replay")(
        settings=settings.feeds["daily"], instruments=settings.instruments, root=root, clock=FakeClock()
    )
    return [bar for session in feed.sessions() for bar in session.bars]


def replayed(
    root: Path,
    ledger: Ledger,
    policy: str = "",
    *,
    text: str = TOML,
    capital: int = CAPITAL,
    bars: Iterable[Bar] = (),
    **question: Any,
) -> Report:
    """Return what `policy` would have done to `ledger`."""
    return replay(
        ledger,
        Question(changes=changes_of(policy), **question),
        catalogue=CATALOGUE,
        instruments=settings_of(root, text).instruments,
        capital=Decimal(capital),
        currency="USD",
        cpu_s=time.process_time,
        bars=lambda: bars,
    )


def of_type(ledger: Ledger, kind: str, data: type[Any]) -> list[Any]:
    return [msgspec.json.decode(event.data, type=data) for event in ledger.read(types=(kind,))]


def last_mark(ledger: Ledger) -> e.AccountMarked:
    found: e.AccountMarked = of_type(ledger, e.ACCOUNT_MARKED, e.AccountMarked)[-1]
    return found


def sizes(ledger: Ledger) -> dict[str, Decimal]:
    """Return the size of every order sent, by signal."""
    return {o.signal_id: o.quantity for o in of_type(ledger, e.ORDER_SUBMITTED, e.OrderSubmitted)}
