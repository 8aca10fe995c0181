"""What the strategies want after a session, as decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from steersman.ledger import NewEvent
from steersman.trading import events as e
from steersman.trading.handlers.decisions import Decider, Decision, Moment
from steersman.trading.handlers.intake import signal_of
from steersman.trading.handlers.recorded import Recorder
from steersman.trading.handlers.state import State
from steersman.trading.handlers.strategies import Runner, readable, shown
from steersman.trading.handlers.telling import failure_events
from steersman.trading.model.signal import Signal
from steersman.trading.ports import Session


class Wishes:
    """Shows strategies the bars of a session, in the order of steersman.toml, and decides what they say."""

    def __init__(self, runners: Sequence[Runner], *, decider: Decider, recorder: Recorder, state: State) -> None:
        self._runners = runners
        self._decider = decider
        self._record = recorder
        self._state = state

    def broken(self, at: int) -> list[NewEvent]:
        """Return what is to be said of strategies that could not be loaded."""
        return [
            event
            for runner in self._runners
            if runner.broken is not None
            for event in failure_events(self._record, runner, runner.broken, at, key="load")
        ]

    def listen(self, session: Session) -> None:
        """Show the strategies bars whose decisions were made in an earlier life: what they say is not heard."""
        for runner in self._runners:
            for bar in session.bars:
                runner.on_bar(bar)

    def decisions(self, session: Session, moment: Callable[[], Moment]) -> list[Decision]:
        """Return the decision on everything the strategies want after `session`, failures of theirs among them.

        `moment` is asked for each: a policy or a halt of an instant ago counts for the next signal.
        """
        made: list[Decision] = []
        for runner in self._runners:
            number = 0
            for bar in session.bars:
                wanted, failure = runner.on_bar(bar)
                if failure is not None:
                    events = failure_events(self._record, runner, failure, session.at, key=bar.instrument)
                    made.append(Decision(events=events, order=None))
                for said in wanted:
                    number += 1
                    made.append(self._decision(runner, said, number, session.at, moment))
        return made

    def _decision(self, runner: Runner, said: object, number: int, at: int, moment: Callable[[], Moment]) -> Decision:
        made = self._signal(runner.name, said, number, at)
        if isinstance(made, NewEvent):
            return Decision(events=[made], order=None)
        return self._decider.decide(made, moment(), strategy_on=not runner.stopped)

    def _signal(self, strategy: str, said: object, number: int, at: int) -> Signal | NewEvent:
        """Return the signal, or the event that refuses what was said."""
        try:
            return signal_of(
                said,
                strategy=strategy,
                number=number,
                at=at,
                instruments=self._state.instruments,
                prices=self._state.book.prices,
            )
        except Exception as exc:  # noqa: BLE001 - what a strategy says may be any object, with any code behind it
            source = f"strategy:{strategy}"
            data = e.SignalRefused(
                source=source, strategy=strategy, reason=readable(str(exc)), found=shown(said), at=at
            )
            key = (strategy, str(at), str(number))
            return self._record.event(e.SIGNAL_REFUSED, data, at=at, stream=f"strategy/{strategy}", key=key)
