"""Which scripts get to a line: a function of a module that nobody calls is done by nobody who imports the module."""

from __future__ import annotations

import ast
from collections import defaultdict

from steersman.automation.audit.python_calls import Function
from steersman.automation.audit.python_module import Folder, Module

_DEEPEST = 8
_OF_OBJECTS = ("staticmethod", "classmethod", "property", "cached_property", "contextmanager", "cache", "lru_cache")


class Reach:
    """Who names which function, over all files; a name that several share counts for all of them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._names: dict[str, list[tuple[Module, Function | None]]] = defaultdict(list)
        self._imports = {
            module: {d.partition(".")[0] for d in (*module.aliases.values(), *module.packages.values())}
            for module in folder.modules.values()
        }
        self._imported = set().union(*self._imports.values())
        for module in folder.modules.values():
            for node in module.nodes:
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    self._names[node.id].append((module, module.function_of(node)))
                    renamed = module.aliases.get(node.id, node.id).rpartition(".")[2]
                    if renamed != node.id:  # `from lib import login as sign_in`
                        self._names[renamed].append((module, module.function_of(node)))
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    self._names[node.attr].append((module, module.function_of(node)))

    def files(self, module: Module, line: int) -> frozenset[str]:
        """Return the files that get to a line of `module`: its own, where it stands outside of functions."""
        inner: Function | None = None
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= _end(node):
                inner = node if inner is None or node.lineno >= inner.lineno else inner
        return frozenset(self._roots(module, inner, frozenset(), 0))

    def _may_mean(self, home: Module, module: Module, name: str) -> bool:
        """Say whether a name in `home` can be that of `module`: it is the same file, or one that imports it.

        What imports a file that imports this one may have its objects, too, but defines no such name itself.
        """
        return home is module or (name not in home.definitions and self._knows(home, module, frozenset()))

    def _knows(self, home: Module, module: Module, seen: frozenset[str]) -> bool:
        imports = self._imports.get(home, set()) - seen
        if module.name in imports:
            return True
        files = [self._folder.modules[name] for name in imports if name in self._folder.modules]
        return any(self._knows(file, module, seen | imports) for file in files)

    def _roots(self, module: Module, function: Function | None, seen: frozenset[ast.AST], depth: int) -> set[str]:
        if function is None or depth > _DEEPEST:
            return {module.source.file}
        own = module.class_of(function)
        name = own.name if own is not None and function.name.startswith("__") else function.name
        called = {
            (home, where)
            for home, where in self._names.get(name, [])
            if where is not function and where not in seen and self._may_mean(home, module, name)
        }
        if not called:
            kept = module.name not in self._imported or _is_registered(function)
            return {module.source.file} if kept else set()
        found: set[str] = set()
        for home, where in called:
            found |= self._roots(home, where, seen | {function}, depth + 1)
        return found


def _end(node: Function) -> int:
    return node.end_lineno or node.lineno


def _is_registered(function: Function) -> bool:
    """Say whether a decorator may call a function later: `@app.command()`, `@retry` on one that is only handed on."""
    names = [d.func if isinstance(d, ast.Call) else d for d in function.decorator_list]
    return any(getattr(n, "attr", getattr(n, "id", "")) not in _OF_OBJECTS for n in names)
