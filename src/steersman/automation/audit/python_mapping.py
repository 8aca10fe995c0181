"""Dicts of Python as parameters: written out, merged, added to, handed over with `**`."""

from __future__ import annotations

import ast

from steersman.automation.audit.endpoints import Text, literal
from steersman.automation.audit.python_calls import argument, parameters
from steersman.automation.audit.python_frames import Evaluate, Frame
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_tables import elsewhere, table

_DEEPEST = 12


def entries_of(
    evaluate: Evaluate, module: Module, node: ast.expr | None, frame: Frame | None = None, depth: int = 0
) -> dict[str, Text] | None:
    """Return the entries of a dict expression; empty for none at all, None when they cannot be read."""
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return {}
    if depth > _DEEPEST:
        return None
    module = module if node in module.parents else module.folder.home(node) or module
    match node:
        case ast.Dict():
            pairs = [*zip(node.keys, node.values, strict=True)]
            return _entries(evaluate, module, pairs, frame, depth)
        case ast.List() | ast.Tuple() if all(isinstance(e, ast.Tuple) and len(e.elts) == 2 for e in node.elts):
            pairs = [(e.elts[0], e.elts[1]) for e in node.elts if isinstance(e, ast.Tuple)]
            return _entries(evaluate, module, pairs, frame, depth)
        case ast.BinOp(op=ast.BitOr()):
            return _merged([entries_of(evaluate, module, side, frame, depth + 1) for side in (node.left, node.right)])
        case ast.Call() if module.resolve(node.func).name == "dict":
            spread = [a.value for a in node.keywords if a.arg is None]
            parts = [entries_of(evaluate, module, part, frame, depth + 1) for part in (*node.args[:1], *spread)]
            named: list[tuple[ast.expr | None, ast.expr]] = [
                (ast.Constant(k.arg), k.value) for k in node.keywords if k.arg
            ]
            return _merged([*parts, _entries(evaluate, module, named, frame, depth)])
        case ast.Name():
            return _named_mapping(evaluate, module, node, frame, depth)
        case ast.Attribute() | ast.Subscript() if (said := table(module, node)) is not None:
            return {k: evaluate(module, v, frame) for k, v in said.items()}
        case _:
            return None


def _entries(
    evaluate: Evaluate, module: Module, pairs: list[tuple[ast.expr | None, ast.expr]], frame: Frame | None, depth: int
) -> dict[str, Text] | None:
    found: dict[str, Text] = {}
    for key, entry in pairs:
        if key is None:  # `{**COMMON, "page": 2}`
            spread = entries_of(evaluate, module, entry, frame, depth + 1)
            if spread is None:
                return None
            found |= spread
            continue
        name = literal(evaluate(module, key, frame))
        if name is None:
            return None
        if not (isinstance(entry, ast.Constant) and entry.value is None):  # None is not sent
            found[name] = evaluate(module, entry, frame)
    return found


def _merged(parts: list[dict[str, Text] | None]) -> dict[str, Text] | None:
    found: dict[str, Text] = {}
    for part in parts:
        if part is None:
            return None
        found |= part
    return found


def _named_mapping(
    evaluate: Evaluate, module: Module, node: ast.Name, frame: Frame | None, depth: int
) -> dict[str, Text] | None:
    value = module.value_of(node)
    if value is not None:
        said = entries_of(evaluate, module, value, frame, depth + 1)
        return said if said is None else _merged([said, *_added(evaluate, module, node, frame, depth)])
    function = module.parameter(node)
    if function is not None:
        return _given(evaluate, frame, node.id) if frame is not None and frame.function is function else None
    kept = elsewhere(module, node)
    return entries_of(evaluate, module, kept, frame, depth + 1) if kept is not None else None


def _added(
    evaluate: Evaluate, module: Module, node: ast.Name, frame: Frame | None, depth: int
) -> list[dict[str, Text] | None]:
    """Return what is put into a dict after it is made: `params["page"] = 2`, `params.update(...)`."""
    found: list[dict[str, Text] | None] = []
    for target, value in module.entries.get(node.id, []):
        if module.bound_in(target) is module.bound_in(node):
            found.append(
                _entries(evaluate, module, [(target.slice, value)], frame, depth) if value is not None else None
            )
    for call in module.updates.get(node.id, []):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call
        if module.bound_in(owner) is module.bound_in(node):
            parts = [entries_of(evaluate, module, a, frame, depth + 1) for a in call.args]
            found += [*parts, {k.arg: evaluate(module, k.value, frame) for k in call.keywords if k.arg}]
    return found


def _given(evaluate: Evaluate, frame: Frame, name: str) -> dict[str, Text] | None:
    """Return what a call gives for a parameter that is a mapping; for `**name` that is every further keyword."""
    if frame.function.args.kwarg is None or frame.function.args.kwarg.arg != name:
        given = argument(frame.function, frame.call, name)
        return entries_of(evaluate, frame.module, given, frame.outer)
    named = set(parameters(frame.function)) - {name}
    rest = {k.arg: evaluate(frame.module, k.value, frame.outer) for k in frame.call.keywords if k.arg}
    spread = [entries_of(evaluate, frame.module, k.value, frame.outer) for k in frame.call.keywords if k.arg is None]
    merged = _merged([*spread, rest])
    return merged and {k: v for k, v in merged.items() if k not in named}
