"""Strategies: Python files with `on_bar`, loaded without trust: one that breaks stops itself, not the others."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec

from steersman.trading.model.bar import Bar
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.settings import StrategySettings

FAILURES_IN_A_ROW: Final = 3
MOST_WISHES: Final = 1000
_TRACEBACK: Final = 4000
_UNREADABLE: Final = "<it cannot be shown>"
Number = Decimal | int | float | str
OnBar = Callable[[Bar], Iterable[Any] | None]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy wants, as it said it; checked when it becomes a signal."""

    instrument: str
    side: Side
    quantity: Number
    limit: Number | None = None
    notes: str = ""
    confidence: float | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    stop: Number | None = None
    stop_loss: Number | None = None
    take_profit: Number | None = None


def buy(instrument: str, quantity: Number, *, limit: Number | None = None, notes: str = "", **more: Any) -> Intent:
    """Return the wish to buy `quantity` units, at `limit` or better if one is given; `notes` go to the journal.

    `more`: `stop` (a price that must be reached first), `stop_loss` and `take_profit` (exits that wait once the entry
    is filled), `time_in_force`, `confidence`.
    """
    return Intent(instrument=instrument, side=Side.BUY, quantity=quantity, limit=limit, notes=notes, **more)


def sell(instrument: str, quantity: Number, *, limit: Number | None = None, notes: str = "", **more: Any) -> Intent:
    """Return the wish to sell `quantity` units; as `buy`."""
    return Intent(instrument=instrument, side=Side.SELL, quantity=quantity, limit=limit, notes=notes, **more)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy raised; `traceback` is cut to its end."""

    error: str
    traceback: str


class Runner:
    """One strategy: gets the bars of its instruments; after three failures in a row it gets none."""

    def __init__(self, name: str, settings: StrategySettings, root: Path) -> None:
        """Load the file; what goes wrong is in `broken`, and such a strategy never gets a bar."""
        self.name = name
        self._instruments = frozenset(settings.instruments)
        self._failures = 0
        self.broken: Failure | None = None
        self.stopped = not settings.enabled
        self._on_bar: OnBar | None = None
        if settings.enabled and settings.file is not None:
            try:
                self._on_bar = _load(name, root / settings.file, settings.parameters)
            except (Exception, SystemExit) as exc:  # noqa: BLE001 - the edge to code that is not ours; recorded with its traceback
                self.broken = _failure(exc)
                self.stopped = True

    def on_bar(self, bar: Bar) -> tuple[list[Any], Failure | None]:
        """Return what the strategy wants after `bar`, and how it failed, if it did."""
        if self.stopped or self._on_bar is None or bar.instrument not in self._instruments:
            return [], None
        try:
            wanted = list(islice(self._on_bar(bar) or (), MOST_WISHES + 1))
            if len(wanted) > MOST_WISHES:
                raise ValueError(f"on_bar gave more than {MOST_WISHES} wishes for one bar")
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - as above
            self._failures += 1
            self.stopped = self._failures >= FAILURES_IN_A_ROW
            return [], _failure(exc)
        self._failures = 0
        return wanted, None


def _load(name: str, path: Path, parameters: Mapping[str, Any]) -> OnBar:
    """Return the `on_bar` of a file: of its class `Strategy`, made with `parameters`, or its own.

    Raises:
        Exception: whatever the file raises; TypeError if it has neither.
    """
    spec = importlib.util.spec_from_file_location(f"steersman_strategy_{name}", path)
    if spec is None or spec.loader is None:
        raise TypeError(f"{path.name} is not a Python file")
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up by name
    spec.loader.exec_module(module)
    made = module.Strategy(**parameters) if hasattr(module, "Strategy") else module
    on_bar = getattr(made, "on_bar", None)
    if not callable(on_bar):
        raise TypeError(f"{path.name} has neither a class Strategy with on_bar(bar) nor a function on_bar(bar)")
    found: OnBar = on_bar
    return found


def _failure(exc: BaseException) -> Failure:
    try:
        said = str(exc)
    except Exception:  # noqa: BLE001 - a __str__ of code that is not ours
        said = _UNREADABLE
    trace = readable("".join(traceback.format_exception(exc)), last=_TRACEBACK)
    return Failure(error=readable(f"{type(exc).__name__}: {said}"), traceback=trace)


def readable(text: str, *, last: int | None = None) -> str:
    """Return text that an event can carry: no lone surrogates, cut to 500 (or the last `last`) characters."""
    cut = text[:500] if last is None else text[-last:]
    return cut.encode("utf-8", "replace").decode()


def shown(value: object) -> str:
    """Return what a strategy said as text for an event, cut to 500 characters."""
    try:
        return repr(value)[:500]
    except Exception:  # noqa: BLE001 - a repr of code that is not ours
        return _UNREADABLE
