"""The names of one Python file as it binds them: imports, values, attributes, definitions, and where each stands."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from steersman.automation.audit.python_calls import Function

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Names:
    """What stands in a tree, by name; nothing is followed yet.

    Attributes:
        starred: what `from x import *` takes all names of.
        bindings: (scope, name) -> what it is set to; None: something that is no expression, such as a loop.
        attributes: (class, name) -> what its methods set `self.name` to.
        entries: name -> what `name[...]` is set to; `updates`: calls of `name.update`.
        parameters_set: where `params` of an object is set or updated.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {}
        self.aliases: dict[str, str] = {}
        self.packages: dict[str, str] = {}
        self.starred: list[str] = []
        self.bindings: dict[tuple[ast.AST, str], list[ast.expr | None]] = defaultdict(list)
        self.attributes: dict[tuple[ast.AST, str], list[ast.expr]] = defaultdict(list)
        self.entries: dict[str, list[tuple[ast.Subscript, ast.expr | None]]] = defaultdict(list)
        self.parameters_set: list[tuple[ast.Attribute, ast.expr]] = []
        self.updates: dict[str, list[ast.Call]] = defaultdict(list)
        self.definitions: dict[str, Function | ast.ClassDef] = {}
        self.calls: list[ast.Call] = []
        self.nodes: list[ast.AST] = list(ast.walk(tree))
        for parent in self.nodes:
            for child in ast.iter_child_nodes(parent):
                self.parents[child] = parent
        for node in self.nodes:
            self._index(node)
        self.calls.sort(key=lambda c: (c.lineno, c.col_offset))

    def _index(self, node: ast.AST) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.definitions[self._qualified(node)] = node
            case ast.Assign():
                for target in node.targets:
                    self._bind(target, node.value)
            case ast.AnnAssign() if node.value is not None:
                self._bind(node.target, node.value)
            case ast.NamedExpr():
                self._bind(node.target, node.value)
            case ast.AugAssign() | ast.For() | ast.AsyncFor() | ast.comprehension():
                self._bind(node.target, None)
            case ast.withitem() if node.optional_vars is not None:
                self._bind(node.optional_vars, node.context_expr)
            case ast.Call():
                self.calls.append(node)
                if isinstance(node.func, ast.Attribute) and node.func.attr == "update":
                    self._index_update(node, node.func.value)
            case _:
                pass

    def _index_update(self, node: ast.Call, owner: ast.expr) -> None:
        if isinstance(owner, ast.Name):
            self.updates[owner.id].append(node)
        elif isinstance(owner, ast.Attribute) and owner.attr == "params" and len(node.args) == 1:
            self.parameters_set.append((owner, node.args[0]))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            if isinstance(node, ast.ImportFrom):
                above = "." * node.level + (node.module or "")
                if alias.name == "*":
                    self.starred.append(above)
                else:
                    joint = "" if above.endswith(".") else "."
                    self.aliases[alias.asname or alias.name] = f"{above}{joint}{alias.name}"
            else:
                self.aliases[alias.asname or first] = alias.name if alias.asname else first
                if not alias.asname and "." in alias.name:
                    self.packages[alias.name] = alias.name

    def _bind(self, target: ast.AST, value: ast.expr | None) -> None:
        match target:
            case ast.Name():
                self.bindings[self.scope(target), target.id].append(value)
            case ast.Attribute(attr="params") if value is not None:
                self.parameters_set.append((target, value))
            case ast.Attribute(value=ast.Name(id="self")) if value is not None:
                owner = self.class_of(target)
                if owner is not None:
                    self.attributes[owner, target.attr].append(value)
            case ast.Subscript(value=ast.Name(id=name)):
                self.entries[name].append((target, value))
            case ast.Tuple() | ast.List():
                each = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else []
                for number, element in enumerate(target.elts):  # `HOST, PORT = "...", 5432`
                    self._bind(element, each[number] if each else None)
            case ast.Starred():
                self._bind(target.value, None)
            case _:
                pass

    def _qualified(self, node: Function | ast.ClassDef) -> str:
        owner = self.scope(node)
        return f"{owner.name}.{node.name}" if isinstance(owner, ast.ClassDef) else node.name

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: ast.AST) -> Scope:
        """Return what `node` stands in: a function, a class or the module."""
        return next(a for a in self.ancestors(node) if isinstance(a, SCOPES))

    def function_of(self, node: ast.AST) -> Function | None:
        found = (a for a in self.ancestors(node) if isinstance(a, ast.FunctionDef | ast.AsyncFunctionDef))
        return next(found, None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        return next((a for a in self.ancestors(node) if isinstance(a, ast.ClassDef)), None)
