"""What a loop over a list puts under a name, where the list is written out or stands in a settings file."""

from __future__ import annotations

import ast

from steersman.automation.audit.endpoints import Hole, Text, literal
from steersman.automation.audit.python_config import settings_list
from steersman.automation.audit.python_frames import Evaluate
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_tables import elsewhere, table

_DEEPEST = 12
_MOST_TURNS = 40


def turns(evaluate: Evaluate, module: Module, node: ast.Name, depth: int) -> Text | None:
    """Return a hole with all that a loop over a written out list, or one of a settings file, puts under a name."""
    loop = module.loop_of(node)
    if loop is None:
        return None
    listed, at = loop.iter, 0
    places = [loop.target, *(loop.target.elts if isinstance(loop.target, ast.Tuple) else [])]
    number = next((n for n, t in enumerate(places) if isinstance(t, ast.Name) and t.id == node.id), None)
    if number is None:
        return None
    match listed:
        case ast.Call(func=ast.Attribute(attr="items" | "keys" | "values" as which, value=owner), args=[]):
            said = table(module, owner)
            if said is None:
                return None
            keys = which == "keys" or (which == "items" and number == 1)
            texts: list[Text] = (
                [(k,) for k in said] if keys else [evaluate(module, v, None, depth + 1) for v in said.values()]
            )
            return _hole_of(node, texts)
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]) if number == 2:
            listed, at = inner, 0
        case ast.Call(func=ast.Name(id="sorted" | "set" | "list" | "tuple" | "reversed"), args=[inner]):
            listed, at = inner, number
        case _:
            at = number
    found = elements(module, listed)
    if found is None:
        listed_there = settings_list(module, listed, lambda n: evaluate(module, n, None, depth + 1))
        return _hole_of(node, [(v,) for v in listed_there]) if listed_there and at == 0 else None
    if at:
        found = [e.elts[at - 1] for e in found if isinstance(e, ast.Tuple | ast.List) and len(e.elts) >= at]
    return _hole_of(node, [evaluate(module, e, None, depth + 1) for e in found])


def _hole_of(node: ast.Name, texts: list[Text]) -> Text | None:
    values = tuple(dict.fromkeys(v for t in texts if (v := literal(t))))
    complete = all(literal(t) for t in texts) and 0 < len(values) <= _MOST_TURNS
    return (Hole(node.id, node.id, values=values),) if complete else None


def elements(module: Module, node: ast.expr) -> list[ast.expr] | None:
    """Return the elements of a list or tuple that `node` is, or is bound to, where they are written out."""
    for _ in range(_DEEPEST):
        value = module.value_of(node) if isinstance(node, ast.Name) else None
        if value is None and isinstance(node, ast.Attribute):
            value = module.attribute_value(node)
        if value is None and isinstance(node, ast.Name | ast.Attribute):
            value = elsewhere(module, node)
        if value is None:
            break
        node = value
    if isinstance(node, ast.List | ast.Tuple | ast.Set) and not any(isinstance(e, ast.Starred) for e in node.elts):
        return node.elts
    return None
