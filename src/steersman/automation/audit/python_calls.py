"""What a call gives a function: by place, by name, or by default."""

from __future__ import annotations

import ast

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parameters(function: ast.AST) -> list[str]:
    """Return the names a function takes, `*args` and `**kwargs` included."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return []
    a = function.args
    named = [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]
    return [arg.arg for arg in named]


def argument(function: Function, call: ast.Call, name: str) -> ast.expr | None:
    """Return what `call` gives for the parameter `name`; its default when nothing is given."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if name in names and names.index(name) < len(call.args):
        given = call.args[names.index(name)]
        return None if any(isinstance(a, ast.Starred) for a in call.args) else given
    defaults = dict(zip(reversed([a.arg for a in function.args.args]), reversed(function.args.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if d}
    return defaults.get(name)


def argument_given(function: Function, call: ast.Call, name: str) -> bool:
    """Say whether `call` itself gives the parameter `name`, and not its default."""
    value = argument(function, call, name)
    return any(value is a for a in (*call.args, *(k.value for k in call.keywords)))


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of the first keyword of `call` among `names`."""
    return next((k.value for k in call.keywords if k.arg in names), None)


def is_none(node: ast.expr) -> bool:
    """Say whether a value is None, or a limit object that sets none: `ClientTimeout(total=None)`."""
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Call) and any(
        k.arg in ("total", "timeout") and isinstance(k.value, ast.Constant) and k.value.value is None
        for k in node.keywords
    )
