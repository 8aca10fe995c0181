"""Which class of the folder a value is of, by what is written beside it: `venue: Venue`, `-> Settings`."""

from __future__ import annotations

import ast

from steersman.automation.audit.python_calls import Function
from steersman.automation.audit.python_module import Module

_DEEPEST = 8
Class = tuple[Module, ast.ClassDef]


def class_of_value(module: Module, node: ast.expr, depth: int = 0) -> Class | None:
    """Return the class that a value is of; None when nothing says so, or it is none of this folder."""
    if depth > _DEEPEST:
        return None
    match node:
        case ast.Name(id="self" | "cls") if (own := module.class_of(node)) is not None:
            return module, own
        case ast.Name():
            return _of_name(module, node, depth)
        case ast.Call():
            return _of_call(module, node, depth)
        case ast.Await(value=inner):
            return class_of_value(module, inner, depth + 1)
        case ast.Attribute():
            owner = class_of_value(module, node.value, depth + 1)
            return _of_member(*owner, node.attr, depth) if owner is not None else None
        case _:
            return None


def _of_name(module: Module, node: ast.Name, depth: int) -> Class | None:
    function = module.parameter(node)
    if function is not None:
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        said = next((a.annotation for a in arguments if a.arg == node.id), None)
        return named(module, said)
    value = module.value_of(node)
    if value is not None:
        return class_of_value(module, value, depth + 1)
    home, definition = module.find(module.aliases.get(node.id, ""))
    return None if home is None or not isinstance(definition, ast.ClassDef) else (home, definition)


def _of_call(module: Module, node: ast.Call, depth: int) -> Class | None:
    target = module.target(node)
    home = module.folder.home(target) if target is not None else None
    if home is not None and isinstance(target, ast.ClassDef):
        return home, target
    if home is not None and isinstance(target, ast.FunctionDef | ast.AsyncFunctionDef):
        return named(home, target.returns)
    return None


def _of_member(home: Module, owner: ast.ClassDef, name: str, depth: int) -> Class | None:
    """Return the class of what objects keep under a name: by its annotation, or that of what it is set to."""
    said = next((n.annotation for n in owner.body if isinstance(n, ast.AnnAssign) and _is(n.target, name)), None)
    if said is not None:
        return named(home, said)
    method = home.definitions.get(f"{owner.name}.{name}")
    if isinstance(method, ast.FunctionDef):
        return named(home, method.returns)
    value = home.member(owner, name)
    return class_of_value(home, value, depth + 1) if value is not None else None


def declares(owner: ast.ClassDef, name: str) -> bool:
    """Say whether the body of a class declares a field: `base_url: str`."""
    return any(isinstance(n, ast.AnnAssign) and _is(n.target, name) for n in owner.body)


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def named(module: Module, annotation: ast.expr | None) -> Class | None:
    """Return the class that an annotation names: `Venue`, `"Venue"`, `Venue | None`, `Optional[Venue]`."""
    match annotation:
        case ast.Constant(value=str() as text):
            try:
                return _by_name(module, ast.parse(text, mode="eval").body)
            except SyntaxError:
                return None
        case ast.BinOp(op=ast.BitOr(), left=left):
            return named(module, left)
        case ast.Subscript(slice=inner) if getattr(annotation.value, "id", "") == "Optional":
            return named(module, inner)
        case ast.Name() | ast.Attribute():
            return _by_name(module, annotation)
        case _:
            return None


def _by_name(module: Module, node: ast.expr) -> Class | None:
    text = ast.unparse(node)
    own = module.definitions.get(text)
    if isinstance(own, ast.ClassDef):
        return module, own
    first, dot, rest = text.partition(".")
    home, definition = module.find(module.aliases.get(first, first) + dot + rest)
    return None if home is None or not isinstance(definition, ast.ClassDef) else (home, definition)


def method_of(module: Module, call: ast.Call) -> Function | None:
    """Return the method that `value.name(...)` runs, where only an annotation says what the value is."""
    if not isinstance(call.func, ast.Attribute):
        return None
    found = class_of_value(module, call.func.value)
    method = found[0].method(found[1], call.func.attr) if found is not None else None
    return method if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) else None
