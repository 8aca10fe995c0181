# mypy: ignore-errors
"""Its risk engine alone: ready-made market orders go in, those that pass reach a stub.

usage: checks.py ORDERS
Prints one JSON object: cpu_us per order, passed.
"""

import json
import sys
import time

from nautilus_trader.accounting.factory import AccountFactory
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.config import RiskEngineConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.events import AccountState
from nautilus_trader.model.identifiers import AccountId, StrategyId, TraderId
from nautilus_trader.model.objects import AccountBalance, Money
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine
from parts import MAX_NOTIONAL, VENUE, equity, quote

TRADER, STRATEGY = TraderId("BENCH-001"), StrategyId("BENCH-001")


def account():
    """Return a cash account: of a margin account the engine checks no money at all."""
    cash = Money(100_000, USD)
    state = AccountState(
        account_id=AccountId(f"{VENUE}-001"),
        account_type=AccountType.CASH,
        base_currency=USD,
        reported=True,
        balances=[AccountBalance(cash, Money(0, USD), cash)],
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )
    return AccountFactory.create(state)


def main(count):
    clock, aaa = TestClock(), equity("AAA")
    bus, cache = MessageBus(trader_id=TRADER, clock=clock), Cache()
    portfolio = Portfolio(msgbus=bus, cache=cache, clock=clock)
    settings = RiskEngineConfig(
        max_order_submit_rate=f"{2 * count}/00:00:01", max_notional_per_order={str(aaa.id): MAX_NOTIONAL}
    )
    engine = RiskEngine(portfolio=portfolio, msgbus=bus, cache=cache, clock=clock, config=settings)
    passed, denied = [], []
    bus.register(endpoint="ExecEngine.execute", handler=passed.append)
    bus.register(endpoint="ExecEngine.process", handler=denied.append)
    cache.add_instrument(aaa)
    cache.add_account(account())
    cache.add_quote_tick(quote(aaa, 101.25, 0))
    factory = OrderFactory(trader_id=TRADER, strategy_id=STRATEGY, clock=clock)
    commands = []
    for number in range(count):
        order = factory.market(aaa.id, OrderSide.BUY, aaa.make_qty(20 + number % 7))
        commands.append(SubmitOrder(TRADER, STRATEGY, order, UUID4(), 0))
    began = time.process_time_ns()
    for command in commands:
        engine.execute(command)
    cpu_us = (time.process_time_ns() - began) / 1e3 / count
    if len(passed) != count:
        sys.exit(f"{count - len(passed)} of {count} orders did not pass, the first: {denied[:1]}")
    print(json.dumps({"cpu_us": cpu_us, "passed": len(passed)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
