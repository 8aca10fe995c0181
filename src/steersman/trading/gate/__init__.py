"""The pre-trade gate: one declarative table of checks, compiled to a scalar function and to Polars expressions."""

from steersman.trading.gate.document import checks_markdown
from steersman.trading.gate.facts import Facts, Limits, limits_for
from steersman.trading.gate.frame import judge_frame
from steersman.trading.gate.judgement import Judgement, judge
from steersman.trading.gate.table import CHECKS, CODES, TABLE_DIGEST, Check

__all__ = [
    "CHECKS",
    "CODES",
    "TABLE_DIGEST",
    "Check",
    "Facts",
    "Judgement",
    "Limits",
    "checks_markdown",
    "judge",
    "judge_frame",
    "limits_for",
]
