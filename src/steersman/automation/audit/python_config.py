"""Settings files as Python reads them: `json.load(open("config.json"))["api"]["base"]`, and where that is bound."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from steersman.automation.audit.endpoints import Text
from steersman.automation.audit.python_calls import keyword
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_tables import elsewhere

_LOADS: Final = (
    "json.load",
    "json.loads",
    "tomllib.load",
    "tomllib.loads",
    "tomli.load",
    "tomli.loads",
    "toml.load",
    "toml.loads",
    "yaml.safe_load",
    "yaml.load",
    "yaml.full_load",
    "dotenv.dotenv_values",
    "configparser.ConfigParser()",
    "configparser.RawConfigParser()",
)
_DEEPEST: Final = 10
_OF_TEXT: Final = ("read", "read_text", "read_bytes", "open", "decode", "expanduser", "resolve")

Evaluate = Callable[[ast.expr], Text]


@dataclass(frozen=True, slots=True)
class Place:
    """A settings file, by the fixed end of its path, and the keys below which a value stands in it."""

    file: str
    keys: tuple[str, ...] = ()


def settings_place(module: Module, node: ast.expr, evaluate: Evaluate, depth: int = 0) -> Place | None:
    """Return where `node` is read from; None when it is no value, or none that can be followed to a file."""
    if depth > _DEEPEST:
        return None
    home = module if node in module.parents else module.folder.home(node) or module
    match node:
        case ast.Subscript():
            return _below(settings_place(home, node.value, evaluate, depth + 1), [node.slice], evaluate)
        case ast.Name() | ast.Attribute():
            value = home.value_of(node) if isinstance(node, ast.Name) else home.attribute_value(node)
            value = value or elsewhere(home, node)
            return settings_place(home, value, evaluate, depth + 1) if value is not None else None
        case ast.Call(func=ast.Attribute(attr="get" | "getint" | "getfloat" as how, value=owner)) if node.args:
            found = settings_place(home, owner, evaluate, depth + 1)
            sections = how != "get" or (found is not None and found.file.endswith((".ini", ".cfg", ".conf")))
            return _below(found, node.args if sections and not (found and found.keys) else node.args[:1], evaluate)
        case ast.Call():
            return _loaded(home, node, evaluate, depth)
        case _:
            return None


def settings_list(module: Module, node: ast.expr, evaluate: Evaluate) -> tuple[str, ...]:
    """Return the texts of a list that a settings file holds; empty when `node` is none, or the file is not there."""
    place = settings_place(module, node, evaluate)
    return module.folder.settings.listed(module.source.file, place.file, place.keys) if place is not None else ()


def _below(place: Place | None, keys: list[ast.expr], evaluate: Evaluate) -> Place | None:
    if place is None:
        return None
    texts = [evaluate(key) for key in keys]
    named = [text[0] for text in texts if len(text) == 1 and isinstance(text[0], str)]
    return Place(place.file, (*place.keys, *named)) if len(named) == len(texts) else None


def _loaded(module: Module, node: ast.Call, evaluate: Evaluate, depth: int) -> Place | None:
    """Return the file that a call loads, also a function of the folder that returns what it loads."""
    name = module.resolve(node.func).name
    target = module.target(node)
    if isinstance(target, ast.FunctionDef):
        returned = [r.value for r in ast.walk(target) if isinstance(r, ast.Return) and r.value is not None]
        return settings_place(module, returned[0], evaluate, depth + 1) if len(returned) == 1 else None
    if f"{name}()" in _LOADS:
        reads = [
            c.args[0]
            for c in module.calls
            if c.args and isinstance(c.func, ast.Attribute) and c.func.attr == "read"
            if module.resolve(c.func.value).call is node
        ]
        return _file(module, reads[0], evaluate, depth) if len(reads) == 1 else None
    if name == "dotenv.dotenv_values" and not (node.args or node.keywords):
        return Place(".env")
    if name not in _LOADS:
        return None
    path = node.args[0] if node.args else keyword(node, "dotenv_path")
    return _file(module, path, evaluate, depth) if path is not None else None


def _file(module: Module, node: ast.expr, evaluate: Evaluate, depth: int) -> Place | None:
    """Return the file that an expression opens or names: `open(PATH)`, `PATH.read_text()`, a `with` target."""
    if depth > _DEEPEST:
        return None
    match node:
        case ast.Name() if (value := module.value_of(node)) is not None and isinstance(value, ast.Call):
            return _file(module, value, evaluate, depth + 1)
        case ast.Call(func=ast.Name(id="open"), args=[path, *_]):
            return _file(module, path, evaluate, depth + 1)
        case ast.Call(func=ast.Attribute(attr=attr, value=owner)) if attr in _OF_TEXT:
            return _file(module, owner, evaluate, depth + 1)
    text = evaluate(node)
    last = text[-1] if text else ""
    if not isinstance(last, str) or "." not in last:
        return None
    # A path that begins with what only running tells is known by its last part.
    return Place(last if len(text) == 1 else last.rpartition("/")[2])
