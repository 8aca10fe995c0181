"""Who calls the function that an expression stands in, so that its parameters are known."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Protocol

from steersman.automation.audit.endpoints import Text
from steersman.automation.audit.python_calls import Function
from steersman.automation.audit.python_module import Module


@dataclass(frozen=True, slots=True)
class Frame:
    """A call of `function`, so that its parameters are known: `call` stands in `module`, itself within `outer`."""

    function: Function
    call: ast.Call
    module: Module
    outer: Frame | None = None


class Evaluate(Protocol):
    """Makes a text of an expression: `python_text.evaluate`."""

    def __call__(self, module: Module, node: ast.expr | None, frame: Frame | None = None, depth: int = 0) -> Text: ...
