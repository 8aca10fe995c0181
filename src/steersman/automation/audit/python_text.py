"""Strings computed in Python, as far as they can be known without running: constants, f-strings, format, urljoin."""

from __future__ import annotations

import ast
import string
from dataclasses import dataclass
from urllib.parse import urljoin

from steersman.automation.audit.endpoints import UNKNOWN, Hole, Text, joined, literal
from steersman.automation.audit.python_module import (
    Function,
    Module,
    Ref,
    argument,
    argument_given,
    keyword,
    parameters,
)

_DEEPEST = 12
_MOST_SITES = 20
_STRIPS = {"lstrip": str.lstrip, "rstrip": str.rstrip, "strip": str.strip}
_KEPT = ("lower", "upper", "encode", "decode", "as_posix", "expanduser", "resolve", "absolute")


@dataclass(frozen=True, slots=True)
class Frame:
    """A call of `function`, so that its parameters are known: `call` stands in `module`, itself within `outer`."""

    function: Function
    call: ast.Call
    module: Module
    outer: Frame | None = None


def evaluate(module: Module, node: ast.expr | None, frame: Frame | None = None, depth: int = 0) -> Text:
    """Return the text of `node`; what only running would tell is a `Hole`."""
    if node is None or depth > _DEEPEST:
        return UNKNOWN
    home = module if node in module.parents else module.folder.home(node) or module
    return _evaluate(home, node, frame, depth)


def _evaluate(module: Module, node: ast.expr, frame: Frame | None, depth: int) -> Text:
    match node:
        case ast.Constant(value=str() | int() | float()):
            return (str(node.value),) if node.value != "" else ()
        case ast.JoinedStr():
            return joined(*(evaluate(module, v, frame, depth + 1) for v in node.values))
        case ast.FormattedValue():
            return evaluate(module, node.value, frame, depth + 1)
        case ast.BinOp(op=ast.Add()):
            return joined(evaluate(module, node.left, frame, depth + 1), evaluate(module, node.right, frame, depth + 1))
        case ast.BinOp(op=ast.Div()):
            left, right = (evaluate(module, n, frame, depth + 1) for n in (node.left, node.right))
            return joined(left, ("/",), right)
        case ast.BinOp(op=ast.Mod()):
            return _percent(module, node, frame, depth)
        case ast.Name():
            return _name(module, node, frame, depth)
        case ast.Attribute():
            return _attribute(module, node, frame, depth)
        case ast.Subscript():
            return _subscript(module, node, frame, depth)
        case ast.Call():
            return _call(module, node, frame, depth)
        case _:
            return (Hole(_name_of(node, module), module.text(node)),)


def mapping(module: Module, node: ast.expr | None, frame: Frame | None = None) -> dict[str, Text] | None:
    """Return the entries of a dict expression; empty for none at all, None when they cannot be read."""
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return {}
    if isinstance(node, ast.Dict):
        found: dict[str, Text] = {}
        for key, entry in zip(node.keys, node.values, strict=True):
            name = literal(evaluate(module, key, frame)) if key is not None else None
            if name is None:
                return None
            found[name] = evaluate(module, entry, frame)
        return found
    if isinstance(node, ast.Call) and module.resolve(node.func).name == "dict" and not node.args:
        return {k.arg: evaluate(module, k.value, frame) for k in node.keywords if k.arg}
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and (table := module.table(node)) is not None:
        return {k: evaluate(module, v, frame) for k, v in table.items()}
    if isinstance(node, ast.Name):
        value = module.value_of(node)
        if value is not None:
            return mapping(module, value, frame)
        function = module.parameter(node)
        if function is not None and frame is not None and frame.function is function:
            return _given(frame, node.id)
    return None


def _given(frame: Frame, name: str) -> dict[str, Text] | None:
    """Return what a call gives for a parameter that is a mapping; for `**name` that is every further keyword."""
    if frame.function.args.kwarg is None or frame.function.args.kwarg.arg != name:
        given = argument(frame.function, frame.call, name)
        return mapping(frame.module, given, frame.outer)
    if any(k.arg is None for k in frame.call.keywords):
        return None
    named = set(parameters(frame.function)) - {name}
    rest = [k for k in frame.call.keywords if k.arg and k.arg not in named]
    return {str(k.arg): evaluate(frame.module, k.value, frame.outer) for k in rest}


def _name(module: Module, node: ast.Name, frame: Frame | None, depth: int) -> Text:
    value = module.value_of(node)
    if value is not None:
        return evaluate(module, value, frame, depth + 1)
    function = module.parameter(node)
    if function is not None:
        if frame is not None and frame.function is function:
            given = argument(function, frame.call, node.id)
            if given is None:
                return UNKNOWN
            if not argument_given(function, frame.call, node.id):
                return evaluate(module, given, None, depth + 1)  # its default, which stands here
            return evaluate(frame.module, given, frame.outer, depth + 1)
        return (Hole(node.id, node.id, parameter=True),)
    dotted = module.aliases.get(node.id, "")
    home_name, _, attribute = dotted.rpartition(".")
    home_module = module.folder.modules.get(home_name)
    if home_module is not None:
        return _constant_of(home_module, attribute, depth)
    return (Hole(node.id, node.id),)


def _constant_of(home: Module, name: str, depth: int) -> Text:
    found = home.bindings.get((home.tree, name)) or []
    return evaluate(home, found[0], None, depth + 1) if len(found) == 1 else (Hole(name),)


def _attribute(module: Module, node: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    value = module.attribute_value(node)
    if value is not None:
        return _kept(module, value, frame, depth)
    kept = module.resolve(node.value)
    home, owner = module.find(kept.name)
    if home is not None and isinstance(owner, ast.ClassDef):
        if kept.call is not None and kept.module is not None and (said := keyword(kept.call, node.attr)) is not None:
            return evaluate(kept.module, said, None, depth + 1)
        value = home.member(owner, node.attr)
        if value is not None:
            return _kept(home, value, None, depth, kept)
    if isinstance(node.value, ast.Name):
        home = module.folder.modules.get(module.aliases.get(node.value.id, ""))
        if home is not None:
            return _constant_of(home, node.attr, depth)
    return (Hole(node.attr, module.text(node)),)


def _kept(module: Module, value: ast.expr, frame: Frame | None, depth: int, kept: Ref | None = None) -> Text:
    """Return what an object keeps; where its constructor works it out, from what all who construct one hand over.

    `kept` is the object, where that is known: then only what it was made with counts.
    """
    made = module.function_of(value)
    if made is None or made.name != "__init__" or (frame is not None and frame.function is made):
        return evaluate(module, value, frame, depth + 1)
    if kept is None and frame is not None and isinstance(frame.call.func, ast.Attribute):
        kept = frame.module.resolve(frame.call.func.value)
    sites = module.folder.sites(made)
    sites = [(m, c) for m, c in sites if kept is not None and c is kept.call] or sites
    # Nobody constructs one here: its defaults are what is known.
    sites = sites or [(module, ast.Call(func=ast.Name(id=""), args=[], keywords=[]))]
    given = {evaluate(module, value, Frame(made, call, home), depth + 1) for home, call in sites[:_MOST_SITES]}
    return given.pop() if len(given) == 1 else (Hole("kept", "", parameter=True),)


def _subscript(module: Module, node: ast.Subscript, frame: Frame | None, depth: int) -> Text:
    if module.resolve(node.value).name == "os.environ":
        return (Hole(literal(evaluate(module, node.slice, frame, depth + 1)) or "?", module.text(node), env=True),)
    entry = module.entry(node)
    told = entry is None and not isinstance(node.slice, ast.Constant)
    key = literal(evaluate(module, node.slice, frame, depth + 1)) if told else None
    if key is not None and (table := module.table(node.value)) is not None:
        entry = table.get(key)
    if entry is not None:
        return evaluate(module, entry, frame, depth + 1)
    return (Hole(_name_of(node, module), module.text(node)),)


def _call(module: Module, node: ast.Call, frame: Frame | None, depth: int) -> Text:
    name = module.resolve(node.func).name
    first = node.args[0] if node.args else None
    if name in ("os.environ.get", "os.getenv") and first is not None:
        fallback = literal(evaluate(module, node.args[1], frame, depth + 1)) if len(node.args) > 1 else None
        if fallback and "://" in fallback:
            return (fallback,)  # the address it has unless somebody says otherwise; `overridden` names who may
        return (Hole(literal(evaluate(module, first, frame, depth + 1)) or "?", module.text(node), env=True),)
    if name in ("urllib.parse.urljoin", "requests.compat.urljoin") and len(node.args) == 2:
        base, path = (evaluate(module, a, frame, depth + 1) for a in node.args)
        return _url_joined(base, path)
    if name in ("str", "pathlib.Path", "os.fspath", "os.path.expanduser") and first is not None:
        return evaluate(module, first, frame, depth + 1)
    if name in ("urllib.request.Request", "yarl.URL") and first is not None:
        return evaluate(module, keyword_or(node, "url", first), frame, depth + 1)
    if name == "os.path.join":
        parts: list[Text] = []
        for arg in node.args:
            parts += [("/",), evaluate(module, arg, frame, depth + 1)]
        return joined(*parts[1:])
    if name == "urllib.parse.urlencode" and first is not None:
        return _encoded(module, node, frame)
    made = _returned(module, node, frame, depth)
    if made is not None:
        return made
    if isinstance(node.func, ast.Attribute):
        return _method(module, node, node.func, frame, depth)
    return (Hole(_name_of(node, module), module.text(node)),)


def _encoded(module: Module, node: ast.Call, frame: Frame | None) -> Text:
    entries = mapping(module, node.args[0], frame)
    if entries is None:
        return (Hole("query", module.text(node)),)
    parts = [t for name, value in entries.items() for t in (("&",), (f"{name}=",), value)]
    return joined(*parts[1:])


def _returned(module: Module, node: ast.Call, frame: Frame | None, depth: int) -> Text | None:
    """Return what a function of this folder that only puts a text together makes of what `node` gives it."""
    target = module.target(node)
    home = module.folder.home(target) if isinstance(target, ast.FunctionDef) else None
    if home is None or not isinstance(target, ast.FunctionDef):
        return None
    returns = [r.value for r in ast.walk(target) if isinstance(r, ast.Return) and r.value is not None]
    if len(returns) != 1:
        return None
    text = evaluate(home, returns[0], Frame(target, node, module, frame), depth + 1)
    if not any(isinstance(p, str) for p in text):
        return None
    given = [p for a in (*node.args, *(k.value for k in node.keywords)) for p in evaluate(module, a, frame, depth + 1)]
    # What the function computes has no name where it is called.
    return tuple(p if isinstance(p, str) or p.env or p in given else Hole(p.name) for p in text)


def overridden(module: Module, address: str) -> tuple[str, ...]:
    """Return the environment variables that may put another beginning in the place of that of `address`."""
    found = []
    for call in module.calls:
        if module.resolve(call.func).name in ("os.environ.get", "os.getenv") and len(call.args) > 1:
            name, fallback = (literal(evaluate(module, a)) for a in call.args[:2])
            if name and fallback and "://" in fallback and address.startswith(fallback):
                found.append(name)
    return tuple(dict.fromkeys(found))


def keyword_or(node: ast.Call, name: str, default: ast.expr) -> ast.expr:
    return next((k.value for k in node.keywords if k.arg == name), default)


def _method(module: Module, node: ast.Call, func: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    """Evaluate the methods of strings that addresses are built with."""
    if func.attr == "format":
        return _format(module, node, func, frame, depth)
    if func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
        between = evaluate(module, func.value, frame, depth + 1)
        parts = [t for e in node.args[0].elts for t in (between, evaluate(module, e, frame, depth + 1))]
        return joined(*parts[1:])
    if func.attr in _KEPT:
        return evaluate(module, func.value, frame, depth + 1)
    if func.attr in _STRIPS:
        text = evaluate(module, func.value, frame, depth + 1)
        chars = literal(evaluate(module, node.args[0], frame, depth + 1)) if node.args else None
        return _stripped(text, func.attr, chars)
    return (Hole(_name_of(node, module), module.text(node)),)


def _stripped(text: Text, how: str, chars: str | None) -> Text:
    parts = list(text)
    if parts and how != "rstrip" and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip(chars)
    if parts and how != "lstrip" and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip(chars)
    return joined(tuple(parts))


def _format(module: Module, node: ast.Call, func: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    pattern = literal(evaluate(module, func.value, frame, depth + 1))
    if pattern is None:
        return UNKNOWN
    parts: list[Text] = []
    value: ast.expr | None
    count = 0
    try:
        pieces = list(string.Formatter().parse(pattern))
    except ValueError:
        return UNKNOWN
    for fixed, name, _, _ in pieces:
        parts.append((fixed,))
        if name is None:
            continue
        value = next((k.value for k in node.keywords if k.arg == name), None)
        if name == "" or name.isdigit():
            place = int(name) if name else count
            value = node.args[place] if place < len(node.args) else None
            count += 1
        parts.append(evaluate(module, value, frame, depth + 1))
    return joined(*parts)


def _percent(module: Module, node: ast.BinOp, frame: Frame | None, depth: int) -> Text:
    pattern = literal(evaluate(module, node.left, frame, depth + 1))
    values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
    pieces = pattern.split("%s") if pattern is not None else []
    if len(pieces) != len(values) + 1:
        return UNKNOWN
    parts: list[Text] = [(pieces[0],)]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += [evaluate(module, value, frame, depth + 1), (piece,)]
    return joined(*parts)


def _url_joined(base: Text, path: Text) -> Text:
    fixed = literal(base)
    if fixed is None or not path:
        return joined(base, ("/",), path)
    first = path[0]
    if isinstance(first, str):
        return joined((urljoin(fixed, first),), path[1:])
    return joined((fixed if fixed.endswith("/") else fixed.rpartition("/")[0] + "/",), path)


def _name_of(node: ast.AST, module: Module) -> str:
    """Return a word for a part that varies: the last name or key in it."""
    if isinstance(node, ast.Subscript):
        key = node.slice
        return (
            key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else _name_of(node.value, module)
        )
    names = [
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name | ast.Attribute)
    ]
    return names[0] if names else "value"
