"""The doors through which signals come from outside: each decodes, records, answers. The core decides."""

from steersman.trading.sources.declared import Declared
from steersman.trading.sources.decode import FIELDS, Row, request_of
from steersman.trading.sources.door import Answer, Door
from steersman.trading.sources.problem import NotASignal, Problem, unreadable
from steersman.trading.sources.rows import file_rows, json_rows

__all__ = [
    "FIELDS",
    "Answer",
    "Declared",
    "Door",
    "NotASignal",
    "Problem",
    "Row",
    "file_rows",
    "json_rows",
    "request_of",
    "unreadable",
]
