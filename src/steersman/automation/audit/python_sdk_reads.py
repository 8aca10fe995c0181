"""Data read through an SDK: the same method with the same arguments is the same data (ccxt, yfinance)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.endpoints import Hole, masked, shown
from steersman.automation.audit.facts import Change, Shared
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_text import evaluate

_READS: Final = re.compile(
    r"^(ccxt\.(\w+\.)?\w+\(\)\.fetch_(ohlcv|tickers?|order_book|trades|markets|currencies|funding_rates?)|"
    r"yfinance\.(download|Ticker\(\)\.history))$"
)
_STEP: Final = "let one automation read it and keep it in a file, and give the others needs = [...]"


def sdk_reads(module: Module) -> Iterator[Shared]:
    """Return the reads of a file through SDKs whose arguments are known."""
    for call in module.calls:
        ref = module.resolve(call.func)
        if not _READS.match(ref.name):
            continue
        made = ref.call if ref.call is not None and ".Ticker()" in ref.name else None
        given = [*(made.args if made is not None else []), *call.args]
        texts = [evaluate(module, a) for a in given]
        texts += [(f"{k.arg}=", *evaluate(module, k.value)) for k in call.keywords if k.arg]
        if not texts or any(isinstance(p, Hole) and not (p.env or p.same) for t in texts for p in t):
            continue
        name = ref.name.replace("()", "")
        said = ", ".join(shown(t) for t in texts)
        yield Shared(
            place=module.place(call),
            key=" ".join([name, *sorted(masked(t) for t in texts)]),
            shown=f"{name}({said})",
            stem=name.rpartition(".")[2],
            looped=module.looped(call),
            change=lambda _name, _holes: Change(why_not="an SDK asks, not a request of its own", next_step=_STEP),
            kind="sdk",
        )
