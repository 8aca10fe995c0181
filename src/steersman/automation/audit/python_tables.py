"""Dicts that are written out, here or in another file, by name: `CONFIG["api"]`, `Settings.HEADERS`, `f(**OPTIONS)`."""

from __future__ import annotations

import ast
from typing import Final

from steersman.automation.audit.python_calls import keyword
from steersman.automation.audit.python_module import Module

_DEEPEST: Final = 12


def entry(module: Module, node: ast.Subscript) -> ast.expr | None:
    """Return what `NAME["key"]` is, where NAME is one dict that is written out, and that key is never set anew."""
    key, home, said = node.slice, module, table(module, node.value)
    if not isinstance(key, ast.Constant) or said is None:
        return None
    for other in home.nodes:
        if isinstance(other, ast.Subscript) and isinstance(other.ctx, ast.Store | ast.Del):
            same = isinstance(other.slice, ast.Constant) and other.slice.value == key.value
            if same and ast.dump(other.value) == ast.dump(node.value):
                return None
    return said.get(str(key.value))


def table(module: Module, node: ast.expr) -> dict[str, ast.expr] | None:
    """Return the entries of a dict that `node` is, or is bound to, where they are written out."""
    for _ in range(_DEEPEST):
        match node:
            case ast.BoolOp(op=ast.Or()):  # `given or {"base": "https://..."}`
                node = node.values[-1]
            case ast.Name() if (value := module.value_of(node)) is not None:
                node = value
            case ast.Attribute() if (value := module.attribute_value(node)) is not None:
                node = value
            case ast.Subscript() if (value := entry(module, node)) is not None:
                node = value
            case ast.Name() | ast.Attribute() if (value := elsewhere(module, node)) is not None:
                node = value
            case _:
                break
    if isinstance(node, ast.Dict):
        entries = zip(node.keys, node.values, strict=True)
        return {str(k.value): v for k, v in entries if isinstance(k, ast.Constant)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {k.arg: k.value for k in node.keywords if k.arg}
    return None


def elsewhere(module: Module, node: ast.Name | ast.Attribute) -> ast.expr | None:
    """Return what another file of the folder, or a class, sets a name to: `config.SETTINGS`, `Settings.API`."""
    if isinstance(node, ast.Name):
        home_name, _, name = module.aliases.get(node.id, "").rpartition(".")
    else:
        home_name, name = module.resolve(node.value).name, node.attr
    home = module.folder.modules.get(home_name)
    if home is not None:
        found = home.bindings.get((home.tree, name)) or []
        return found[0] if len(found) == 1 else None
    home, owner = module.find(home_name)
    return home.member(owner, name) if home is not None and isinstance(owner, ast.ClassDef) else None


def argument_of(module: Module, call: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of the first keyword among `names`, also one in a written out dict: `f(**OPTIONS)`."""
    found = keyword(call, *names)
    for spread in (k.value for k in call.keywords if k.arg is None):
        said = table(module, spread) or {}
        found = found or next((said[n] for n in names if n in said), None)
    return found
