# mypy: ignore-errors
"""Market orders through a live TradingNode with the sandbox venue: one quote, one order, its fill, the next quote.

usage: orders.py BARS.csv WARM_UP ORDERS INSTRUMENTS [JOURNAL]
With several instruments, each gets its quote and its order, and the next quotes come when all orders are filled.
With JOURNAL, order messages are written to that file, and synced before an order goes out and once it is filled.
Prints one JSON object: cpu_us and wall_us per order, rss_mb, fills.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.common import Environment
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import (
    LiveDataClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderFilled, OrderInitialized
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.trading.strategy import Strategy
from parts import MAX_NOTIONAL, VENUE, equity, peak_rss_mb, quote


class Feed(LiveMarketDataClient):
    """Gives every instrument its next quote when asked."""

    closes, instruments, subscribed = (), (), 0

    def __init__(self, loop, msgbus, cache, clock):
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE.value),
            venue=VENUE,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )

    async def _connect(self):
        pass

    async def _disconnect(self):
        pass

    async def _subscribe_quote_ticks(self, command):
        Feed.push = self.push
        Feed.subscribed += 1
        if Feed.subscribed == len(Feed.instruments):
            self.push()

    def push(self):
        close = next(Feed.closes)
        for instrument in Feed.instruments:
            self._handle_data(quote(instrument, close, self._clock.timestamp_ns()))


class FeedFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop, name, config, msgbus, cache, clock):
        return Feed(loop, msgbus, cache, clock)


class Alternate(Strategy):
    """Buys and sells in turn, one order per quote, and asks for the next quotes once all are filled."""

    def __init__(self, warm_up, orders, journal):
        super().__init__(StrategyConfig(strategy_id="ALTERNATE-001"))
        self.warm_up, self.orders, self.journal, self.fills = warm_up, orders, journal, 0

    def on_start(self):
        if self.journal is not None:
            self.msgbus.subscribe(topic="events.order.*", handler=self.write)
        self.units = Feed.instruments[0].make_qty(10)
        for instrument in Feed.instruments:
            self.subscribe_quote_ticks(instrument.id)

    def on_quote_tick(self, tick):
        side = OrderSide.SELL if self.fills // len(Feed.instruments) % 2 else OrderSide.BUY
        self.submit_order(self.order_factory.market(tick.instrument_id, side, self.units))

    def write(self, event):
        os.write(self.journal, json.dumps(type(event).to_dict(event)).encode() + b"\n")
        # The order before it goes out, the fill when it is known; what lies between goes with the fill.
        if isinstance(event, OrderInitialized | OrderFilled):
            os.fdatasync(self.journal)

    def on_order_filled(self, event):
        self.fills += 1
        if self.fills == self.warm_up:
            self.began = (time.process_time_ns(), time.perf_counter_ns())
        if self.fills == self.warm_up + self.orders:
            self.tell()
        if self.fills % len(Feed.instruments) == 0:
            Feed.push()

    def tell(self):
        cpu, wall = time.process_time_ns() - self.began[0], time.perf_counter_ns() - self.began[1]
        figures = {"cpu_us": cpu / 1e3 / self.orders, "wall_us": wall / 1e3 / self.orders}
        print(json.dumps({**figures, "rss_mb": peak_rss_mb(), "fills": self.fills}), flush=True)
        os._exit(0)  # stopping a node takes seconds, and is not measured

    def on_order_denied(self, event):
        self.fail(f"denied: {event.reason}")

    def on_order_rejected(self, event):
        self.fail(f"rejected: {event.reason}")

    def fail(self, why):
        print(f"order {self.fills + 1} {why}", file=sys.stderr, flush=True)
        os._exit(1)


def main(bars, warm_up, orders, instruments, journal=None):
    Feed.instruments = [equity(f"A{number:02}") for number in range(int(instruments))]
    with Path(bars).open(encoding="utf-8", newline="") as file:
        Feed.closes = iter([float(row["close"]) for row in csv.DictReader(file)])
    config = TradingNodeConfig(
        environment=Environment.SANDBOX,  # as live, but lets logging be left out, which Steersman does not have either
        trader_id="BENCH-001",
        logging=LoggingConfig(bypass_logging=True),
        exec_engine=LiveExecEngineConfig(reconciliation=False),  # there is nothing to reconcile with
        risk_engine=LiveRiskEngineConfig(
            max_order_submit_rate="1000000/00:00:01",
            max_notional_per_order={str(i.id): MAX_NOTIONAL for i in Feed.instruments},
        ),
        data_clients={VENUE.value: LiveDataClientConfig()},
        exec_clients={
            VENUE.value: SandboxExecutionClientConfig(
                venue=VENUE.value,
                starting_balances=["100000 USD"],
                base_currency="USD",
                account_type="CASH",  # of a margin account its risk engine checks no money at all
            )
        },
    )
    node = TradingNode(config=config)
    node.add_data_client_factory(VENUE.value, FeedFactory)
    node.add_exec_client_factory(VENUE.value, SandboxLiveExecClientFactory)
    for instrument in Feed.instruments:
        node.cache.add_instrument(instrument)
    file = None if journal is None else os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    node.trader.add_strategy(Alternate(int(warm_up), int(orders), file))
    node.build()
    node.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
