# mypy: ignore-errors
"""Orders that should not go out, each sent by a strategy through NautilusTrader's whole way to the venue.

Prints one JSON object: per case `asked` (bad orders tried), `through` (of those, how many its execution client took
for the venue) and `why`. Everything it can be told to refuse is switched on: the largest notional of an order, ten
orders a second at most, and a cash account unless the case is about a margin account.
"""

import contextlib
import json

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import AccountType, MarketStatusAction, OmsType, OrderSide
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from parts import MAX_NOTIONAL, VENUE, equity, quote

SECOND = 10**9
START = 1_700_000_000 * SECOND
AAA, BBB, ZZZ = equity("AAA"), equity("BBB"), equity("ZZZ")
BUY, SELL = OrderSide.BUY, OrderSide.SELL


class Case(Strategy):
    """Takes one step per quote; `bad` notes what should not go out, and events say what became of it."""

    def __init__(self, *steps):
        super().__init__(StrategyConfig(strategy_id="CASE-001"))
        self.steps = iter(steps)
        self.asked, self.submitted, self.marked, self.why = 0, [], set(), []

    def on_start(self):
        for instrument in (AAA, BBB):
            self.subscribe_quote_ticks(instrument.id)

    def on_quote_tick(self, tick):
        step = next(self.steps, None)
        if step is not None:
            step(self)

    def good(self, make):
        """Send what is in order, to set the scene."""
        self.submit_order(make(self.order_factory))

    def bad(self, make):
        """Send what should not go out; a value its types cannot hold stops here."""
        self.asked += 1
        try:
            order = make(self.order_factory)
        except ValueError as exc:
            self.why.append(f"its types refuse it: {exc}")
            return
        self.marked.add(order.client_order_id)
        before = len(self.submitted)
        self.submit_order(order)
        if len(self.submitted) == before and not self.why:
            self.why.append("not sent")

    def on_order_submitted(self, event):
        self.submitted.append(event.client_order_id)

    def on_order_denied(self, event):
        if event.client_order_id in self.marked:
            self.why.append(f"denied: {event.reason}")

    def on_order_rejected(self, event):
        if event.client_order_id in self.marked:
            self.why.append(f"sent; its simulated venue refused it: {event.reason}")


def market(instrument, side, units, **more):
    return lambda factory: factory.market(instrument.id, side, Quantity(units, 0), **more)


def limit(instrument, side, units, price):
    return lambda factory: factory.limit(instrument.id, side, Quantity(units, 0), Price(price, 2))


def bad(make):
    return lambda case: case.bad(make)


def good(make):
    return lambda case: case.good(make)


def quotes(*instruments, every_s=1, ask=100.0):
    return [quote(i, ask, START + n * every_s * SECOND) for n, i in enumerate(instruments)]


def run(case, data, *, cash=100_000, account=AccountType.CASH, sent_before=0):
    """Return what became of a case; `sent_before` of its orders are fine and go out first."""
    limits = {str(i.id): MAX_NOTIONAL for i in (AAA, BBB, ZZZ)}
    risk = RiskEngineConfig(max_order_submit_rate="10/00:00:01", max_notional_per_order=limits)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), risk_engine=risk))
    engine.add_venue(VENUE, OmsType.NETTING, account, [Money(cash, USD)], base_currency=USD)
    for instrument in (AAA, BBB):
        engine.add_instrument(instrument)
    engine.add_strategy(case)
    engine.add_data(data, sort=True)
    engine.run()
    engine.dispose()
    through = len(case.submitted) - sent_before
    return {"asked": case.asked, "through": through, "why": case.why[-1] if case.why else "sent"}


def many(times, make):
    def step(case):
        for _ in range(times):
            case.bad(make)

    return step


def not_quantities(case):
    for units in (0, -5, float("nan"), float("inf")):
        case.bad(market(AAA, BUY, units))


def same_id(case):
    case.good(market(AAA, BUY, 1, client_order_id=ClientOrderId("ONE")))
    case.bad(market(AAA, BUY, 1, client_order_id=ClientOrderId("ONE")))


def too_large():
    """Return what becomes of it on a margin account; and, in words, on a cash account."""
    tried = [
        run(Case(bad(market(AAA, BUY, 1000))), quotes(AAA), account=kind)
        for kind in (AccountType.MARGIN, AccountType.CASH)
    ]
    return {**tried[0], "why": f"{tried[0]['why']}; on a cash account {tried[1]['why']}"}


def halted():
    at = START + SECOND // 2
    return InstrumentStatus(AAA.id, MarketStatusAction.HALT, at, at)


def main():
    hours_later = [quote(AAA, 100.0, START), quote(BBB, 100.0, START + 6 * 3600 * SECOND)]
    crossed = [quote(AAA, 100.0, START, bid=101.0)]
    found = {
        "max_notional": too_large(),
        "no_quote": run(Case(bad(market(AAA, BUY, 10))), quotes(BBB)),
        "stale_quote": run(Case(None, bad(market(AAA, BUY, 10))), hours_later),
        "not_a_quantity": run(Case(not_quantities), quotes(AAA)),
        "far_price": run(Case(bad(limit(AAA, BUY, 1, 10_000.0))), quotes(AAA)),
        "same_id": run(Case(same_id), quotes(AAA), sent_before=1),
        # The first one is what was meant; the other 49 are the mistake.
        "repeated": run(
            Case(good(market(AAA, BUY, 10)), many(49, market(AAA, BUY, 10))), quotes(AAA, AAA, every_s=0), sent_before=1
        ),
        "closed_market": run(Case(None, bad(market(AAA, BUY, 10))), [*quotes(AAA, BBB), halted()]),
        "open_orders_sum": run(
            Case(*[good(limit(AAA, BUY, 150, 99.0))] * 2, bad(limit(AAA, BUY, 150, 99.0))),
            quotes(AAA, AAA, AAA),
            cash=40_000,
            sent_before=2,
        ),
        "self_cross": run(
            Case(good(market(AAA, BUY, 10)), good(limit(AAA, BUY, 10, 99.0)), bad(limit(AAA, SELL, 10, 98.5))),
            quotes(AAA, AAA, AAA),
            sent_before=2,
        ),
        "unknown_instrument": run(Case(bad(market(ZZZ, BUY, 1))), quotes(AAA)),
        "short": run(Case(bad(market(AAA, SELL, 10))), quotes(AAA)),
        "crossed_book": run(Case(bad(market(AAA, BUY, 10))), crossed),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
