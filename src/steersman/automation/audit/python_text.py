"""Strings computed in Python, as far as they can be known without running: constants, f-strings, format, urljoin."""

from __future__ import annotations

import ast
import re

from steersman.automation.audit.endpoints import UNKNOWN, Hole, Text, joined, literal, masked
from steersman.automation.audit.python_calls import Function, argument, argument_given, keyword
from steersman.automation.audit.python_config import settings_place
from steersman.automation.audit.python_days import day_of
from steersman.automation.audit.python_frames import Frame
from steersman.automation.audit.python_mapping import entries_of
from steersman.automation.audit.python_module import Module, Ref
from steersman.automation.audit.python_tables import entry, table
from steersman.automation.audit.python_turns import elements, turns
from steersman.automation.audit.python_types import class_of_value, declares
from steersman.automation.audit.text_forms import STRIPS, formatted, percent, stripped, strung, url_joined

_DEEPEST = 12
_MOST_SITES = 20
_SAME = (
    "str",
    "pathlib.Path",
    "os.fspath",
    "os.path.expanduser",
    "os.path.abspath",
    "os.path.realpath",
    "httpx.URL",
    "string.Template",
)
_READS_ENVIRONMENT = re.compile(r"^(decouple\.(auto)?config|environs?\.Env\(\)(\.(str|url))?)$")
_KEPT = ("lower", "upper", "encode", "decode", "as_posix", "expanduser", "resolve", "absolute")


def evaluate(module: Module, node: ast.expr | None, frame: Frame | None = None, depth: int = 0) -> Text:
    """Return the text of `node`; what only running would tell is a `Hole`."""
    if node is None or depth > _DEEPEST:
        return UNKNOWN
    home = module if node in module.parents else module.folder.home(node) or module
    if isinstance(node, ast.Call | ast.BinOp) and (day := day_of(home, node)) is not None:
        return (Hole("today" if day == 0 else "day", home.text(node), same=f"day {day}"),)
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
            return _chosen(module, node, frame, depth)


def _chosen(module: Module, node: ast.expr, frame: Frame | None, depth: int) -> Text:
    """Evaluate what stands for another expression, or for several."""
    match node:
        case ast.NamedExpr():
            return evaluate(module, node.value, frame, depth + 1)
        case ast.BoolOp(op=ast.Or()):  # `os.environ.get("API") or "https://..."`
            last = evaluate(module, node.values[-1], frame, depth + 1)
            fixed = literal(last) or ""
            return last if "://" in fixed else (Hole(_name_of(node, module), module.text(node)),)
        case ast.List() | ast.Tuple() if node.elts:
            return strung((",",), [evaluate(module, e, frame, depth + 1) for e in node.elts])
        case _:
            return (Hole(_name_of(node, module), module.text(node)),)


def mapping(module: Module, node: ast.expr | None, frame: Frame | None = None) -> dict[str, Text] | None:
    """Return the entries of a dict expression; empty for none at all, None when they cannot be read."""
    return entries_of(evaluate, module, node, frame)


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
        return _left_to_its_default(module, function, node, depth) or (Hole(node.id, node.id, parameter=True),)
    if (turning := turns(evaluate, module, node, depth)) is not None:
        return turning
    dotted = module.aliases.get(node.id, "")
    home_name, _, attribute = dotted.rpartition(".")
    home_module = module.folder.modules.get(home_name)
    if home_module is not None:
        return _constant_of(home_module, attribute, depth)
    if node.id == "__file__":
        return (Hole(f"here {module.source.file.rpartition('/')[0]}", env=True), "/", module.source.file)
    return (Hole(node.id, node.id),)


def _left_to_its_default(module: Module, function: Function, node: ast.Name, depth: int) -> Text:
    """Return the address of a parameter of a function nobody calls here: `def main(api: str = "https://...")`."""
    if module.folder.sites(function):
        return ()  # who calls it decides
    default = argument(function, ast.Call(node, [], []), node.id)
    if isinstance(default, ast.Call) and default.args:  # `typer.Option("https://...")`
        default = default.args[0]
    text = evaluate(module, default, None, depth + 1) if default is not None else ()
    return text if text and isinstance(text[0], str) and "://" in text[0] else ()


def _constant_of(home: Module, name: str, depth: int) -> Text:
    found = home.bindings.get((home.tree, name)) or []
    return evaluate(home, found[0], None, depth + 1) if len(found) == 1 else (Hole(name),)


def _attribute(module: Module, node: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    value = module.attribute_value(node)
    if value is not None:
        return _kept(module, value, frame, depth)
    if node.attr == "parent":
        whole = evaluate(module, node.value, frame, depth + 1)
        return whole[:1] if whole and isinstance(whole[0], Hole) and whole[0].env else (Hole("parent"),)
    if node.attr in ("value", "name") and isinstance(node.value, ast.Attribute | ast.Name):  # a member of an Enum
        inner = evaluate(module, node.value, frame, depth + 1)
        if node.attr == "value" and literal(inner) is not None:
            return inner
    option = _option(module, node, depth)
    if option:
        return option
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
    typed = class_of_value(module, node.value)
    if typed is not None and declares(typed[1], node.attr):
        # One object of settings for all: what it keeps under a name is the same in every script.
        return (Hole(node.attr, module.text(node), same=f"{typed[0].name}.{typed[1].name}.{node.attr}"),)
    return (Hole(node.attr, module.text(node)),)


def _option(module: Module, node: ast.Attribute, depth: int) -> Text:
    """Return the address that an option of the command line has by default: `add_argument("--api", default=...)`."""
    if not module.resolve(node.value).name.endswith((".parse_args()", ".parse_known_args()")):
        return ()
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            names = [literal(evaluate(module, a, None, depth + 1)) or "" for a in call.args]
            dest = literal(evaluate(module, keyword(call, "dest"), None, depth + 1)) if keyword(call, "dest") else None
            if node.attr in (dest, *(n.lstrip("-").replace("-", "_") for n in names)):
                text = evaluate(module, keyword(call, "default"), None, depth + 1)
                return text if "://" in (literal(text) or "") else ()
    return ()


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
    given = [evaluate(module, value, Frame(made, call, home), depth + 1) for home, call in sites[:_MOST_SITES]]
    # Spelled otherwise, and the same all the same: `venue.base_url`, `cfg.venue.base_url`.
    alike = len({masked(text) for text in given}) == 1 and "{}" not in masked(given[0])
    return given[0] if alike or len(set(given)) == 1 else (Hole("kept", "", parameter=True),)


def _variable(module: Module, node: ast.expr, name: Text, fallback: str = "") -> Text:
    """Return a variable of the environment: the address the `.env` file gives it, its default, or a hole."""
    variable = literal(name) or "?"
    address = module.folder.settings.address(module.source.file, variable) or ("://" in fallback and fallback)
    return (address,) if address else (Hole(variable, module.text(node), env=True),)


def _said(module: Module, node: ast.expr, frame: Frame | None, depth: int) -> Text | None:
    """Return what a settings file says where `node` reads it."""
    read = settings_place(module, node, lambda n: evaluate(module, n, frame, depth + 1))
    return module.folder.settings.value(module.source.file, read.file, read.keys) if read is not None else None


def _subscript(module: Module, node: ast.Subscript, frame: Frame | None, depth: int) -> Text:
    if module.resolve(node.value).name == "os.environ":
        return _variable(module, node, evaluate(module, node.slice, frame, depth + 1))
    if (said := _said(module, node, frame, depth)) is not None:
        return said
    kept = entry(module, node)
    told = kept is None and not isinstance(node.slice, ast.Constant)
    key = literal(evaluate(module, node.slice, frame, depth + 1)) if told else None
    if key is not None and (entries := table(module, node.value)) is not None:
        kept = entries.get(key)
    if kept is not None:
        return evaluate(module, kept, frame, depth + 1)
    return (Hole(_name_of(node, module), module.text(node)),)


def _call(module: Module, node: ast.Call, frame: Frame | None, depth: int) -> Text:
    name = module.resolve(node.func).name
    first = node.args[0] if node.args else None
    if first is not None and (name in ("os.environ.get", "os.getenv") or _READS_ENVIRONMENT.match(name)):
        default = keyword(node, "default") or (node.args[1] if len(node.args) > 1 else None)
        fallback = literal(evaluate(module, default, frame, depth + 1)) if default is not None else ""
        return _variable(module, node, evaluate(module, first, frame, depth + 1), fallback or "")
    known = _known_call(module, node, name, first, frame, depth) if first is not None or node.keywords else None
    if known is not None:
        return known
    made = _returned(module, node, frame, depth)
    if made is not None:
        return made
    if isinstance(node.func, ast.Attribute):
        return _method(module, node, node.func, frame, depth)
    return (Hole(_name_of(node, module), module.text(node)),)


def _known_call(
    module: Module, node: ast.Call, name: str, first: ast.expr | None, frame: Frame | None, depth: int
) -> Text | None:
    """Evaluate the functions that addresses and paths are put together with; None for another one."""
    if name == "dataclasses.field":
        factory = keyword(node, "default_factory")
        start = factory.body if isinstance(factory, ast.Lambda) else keyword(node, "default")
        return evaluate(module, start, None, depth + 1)
    if name == "os.path.dirname" and first is not None:
        whole = evaluate(module, first, frame, depth + 1)
        return whole[:1] if whole and isinstance(whole[0], Hole) and whole[0].env else (Hole("folder"),)
    if (said := _said(module, node, frame, depth)) is not None:
        return said
    if name in ("urllib.parse.urljoin", "requests.compat.urljoin") and len(node.args) == 2:
        base, path = (evaluate(module, a, frame, depth + 1) for a in node.args)
        return url_joined(base, path)
    if name in _SAME and first is not None:
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
    return None


def _substituted(module: Module, node: ast.Call, func: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    """Return what `Template(...).substitute(...)` makes."""
    pattern = literal(evaluate(module, func.value, frame, depth + 1))
    if pattern is None:
        return UNKNOWN
    fields = re.sub(r"\$\{?([A-Za-z_]\w*)\}?", r"{\1}", pattern)
    given = mapping(module, node.args[0], frame) or {} if node.args else {}
    return formatted(fields, (), lambda n: given.get(n) or evaluate(module, keyword(node, n), frame, depth + 1))


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
    if func.attr == "join" and len(node.args) == 1 and (listed := elements(module, node.args[0])) is not None:
        between = evaluate(module, func.value, frame, depth + 1)
        return strung(between, [evaluate(module, e, frame, depth + 1) for e in listed])
    if func.attr == "replace" and len(node.args) == 2:
        whole, old, new = (evaluate(module, n, frame, depth + 1) for n in (func.value, *node.args))
        fixed, gone = literal(whole), literal(old)
        return strung(new, [(piece,) for piece in fixed.split(gone)]) if fixed is not None and gone else UNKNOWN
    if func.attr in ("substitute", "safe_substitute"):
        return _substituted(module, node, func, frame, depth)
    if func.attr in ("joinpath", "with_name"):
        whole = evaluate(module, func.value, frame, depth + 1)
        whole = whole[:1] if func.attr == "with_name" else whole
        return strung(("/",), [whole, *(evaluate(module, a, frame, depth + 1) for a in node.args)])
    if func.attr in _KEPT:
        return evaluate(module, func.value, frame, depth + 1)
    if func.attr in STRIPS:
        text = evaluate(module, func.value, frame, depth + 1)
        chars = literal(evaluate(module, node.args[0], frame, depth + 1)) if node.args else None
        return stripped(text, func.attr, chars)
    return (Hole(_name_of(node, module), module.text(node)),)


def _format(module: Module, node: ast.Call, func: ast.Attribute, frame: Frame | None, depth: int) -> Text:
    pattern = literal(evaluate(module, func.value, frame, depth + 1))
    if pattern is None:
        return UNKNOWN
    positional = [evaluate(module, a, frame, depth + 1) for a in node.args]
    return formatted(pattern, positional, lambda name: evaluate(module, keyword(node, name), frame, depth + 1))


def _percent(module: Module, node: ast.BinOp, frame: Frame | None, depth: int) -> Text:
    pattern = literal(evaluate(module, node.left, frame, depth + 1))
    if pattern is None:
        return UNKNOWN
    entries = table(module, node.right) or {}
    values = node.right.elts if isinstance(node.right, ast.Tuple) else [] if entries else [node.right]
    positional = [evaluate(module, v, frame, depth + 1) for v in values]
    return percent(pattern, positional, lambda name: evaluate(module, entries.get(name), frame, depth + 1))


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
