"""A Python script as a tree with names followed: imports, constants, objects, functions here and in files beside it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from steersman.automation.audit.model import Place
from steersman.automation.audit.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_SCOPES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Ref:
    """What an expression is, by its full name: `requests.Session().get`; `call` made the object, in `module`."""

    name: str
    call: ast.Call | None = None
    module: Module | None = None


UNKNOWN = Ref("?")


@dataclass(slots=True)
class Folder:
    """The Python files of one folder, by module name: scripts import each other there."""

    modules: dict[str, Module] = field(default_factory=dict)
    _sites: dict[ast.AST, list[tuple[Module, ast.Call]]] | None = None
    _given: dict[tuple[ast.AST, str], Ref] = field(default_factory=dict)

    def home(self, node: ast.AST) -> Module | None:
        """Return the module that `node` stands in."""
        return next((m for m in self.modules.values() if node in m.parents), None)

    @property
    def complete(self) -> bool:
        """Whether every module is in and its calls are known: from then on nothing resolves differently."""
        return self._sites is not None

    def sites(self, function: ast.AST) -> list[tuple[Module, ast.Call]]:
        """Return every call of `function` in the folder, in order; none before `follow`."""
        return (self._sites or {}).get(function, [])

    def given(self, function: Function, name: str, depth: int) -> Ref:
        """Return what callers give for a parameter: the first that can be followed. Each is followed once."""
        if (function, name) not in self._given:
            self._given[function, name] = UNKNOWN  # a function that calls itself tells nothing new
            for module, call in self.sites(function):
                value = argument(function, call, name)
                if value is not None and (found := module.resolve(value, depth + 1)).name != "?":
                    self._given[function, name] = found
                    break
        return self._given[function, name]

    def follow(self) -> None:
        """Find out which call runs which function, once all modules are in."""
        found: dict[ast.AST, list[tuple[Module, ast.Call]]] = defaultdict(list)
        for module in self.modules.values():
            for call in module.calls:
                target = module.target(call)
                if target is not None:
                    found[target].append((module, call))
                if isinstance(target, ast.ClassDef) and (made := module.constructor(target)) is not None:
                    found[made].append((module, call))
        self._sites = dict(found)
        self._given.clear()


class Module:
    """One parsed file. `resolve` follows names; it gives up (`?`) rather than guess."""

    def __init__(self, source: Source, tree: ast.Module, name: str, folder: Folder) -> None:
        self.source = source
        self.tree = tree
        self.name = name
        self.folder = folder
        self.parents: dict[ast.AST, ast.AST] = {}
        self.aliases: dict[str, str] = {}
        self.bindings: dict[tuple[ast.AST, str], list[ast.expr | None]] = defaultdict(list)
        self.attributes: dict[tuple[ast.AST, str], list[ast.expr]] = defaultdict(list)
        self.definitions: dict[str, Function | ast.ClassDef] = {}
        self.calls: list[ast.Call] = []
        self.nodes: list[ast.AST] = list(ast.walk(tree))
        self._resolved: dict[ast.AST, Ref] = {}
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
            case _:
                pass

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            first = alias.name.partition(".")[0]
            if isinstance(node, ast.ImportFrom):
                self.aliases[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}".lstrip(".")
            else:
                self.aliases[alias.asname or first] = alias.name if alias.asname else first

    def _bind(self, target: ast.AST, value: ast.expr | None) -> None:
        match target:
            case ast.Name():
                self.bindings[self.scope(target), target.id].append(value)
            case ast.Attribute(value=ast.Name(id="self")) if value is not None:
                owner = self.class_of(target)
                if owner is not None:
                    self.attributes[owner, target.attr].append(value)
            case ast.Tuple() | ast.List():
                for element in target.elts:
                    self._bind(element, None)
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
        return next(a for a in self.ancestors(node) if isinstance(a, _SCOPES))

    def function_of(self, node: ast.AST) -> Function | None:
        found = (a for a in self.ancestors(node) if isinstance(a, ast.FunctionDef | ast.AsyncFunctionDef))
        return next(found, None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        return next((a for a in self.ancestors(node) if isinstance(a, ast.ClassDef)), None)

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.source.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        if node.end_lineno is None or node.end_col_offset is None:  # pragma: no cover - ast.parse sets both
            raise ValueError("a node without an end")
        return self.source.offset(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.expr | ast.stmt) -> str:
        return self.source.text(self.start(node), self.end(node))

    def place(self, node: ast.expr | ast.stmt) -> Place:
        return self.source.place(self.start(node))

    def looped(self, node: ast.AST) -> bool:
        """Say whether `node` runs more than once per call of its function: in a loop or comprehension."""
        for ancestor in self.ancestors(node):
            if isinstance(ancestor, ast.For | ast.AsyncFor | ast.While | ast.comprehension | ast.GeneratorExp):
                return True
            if isinstance(ancestor, ast.ListComp | ast.SetComp | ast.DictComp):
                return True
            if isinstance(ancestor, ast.FunctionDef | ast.AsyncFunctionDef):
                return False
        return False

    def value_of(self, name: ast.Name) -> ast.expr | None:
        """Return what a name was bound to, if that is one expression: in its function, else in the module."""
        for scope in (a for a in self.ancestors(name) if isinstance(a, _SCOPES)):
            if isinstance(scope, ast.ClassDef):
                continue
            found = self.bindings.get((scope, name.id))
            if found:
                return found[0] if len(found) == 1 else None
            if not isinstance(scope, ast.Module) and name.id in parameters(scope):
                return None
        return None

    def parameter(self, name: ast.Name) -> Function | None:
        """Return the function that `name` is a parameter of."""
        for scope in (a for a in self.ancestors(name) if isinstance(a, ast.FunctionDef | ast.AsyncFunctionDef)):
            if (scope, name.id) in self.bindings:
                return None
            if name.id in parameters(scope):
                return scope
        return None

    def attribute_value(self, node: ast.Attribute) -> ast.expr | None:
        """Return what `self.x` was set to, in `__init__` or in the body of the class."""
        owner = self.class_of(node)
        if owner is None or not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return None
        return self._member(owner, node.attr, 0)

    def member(self, owner: ast.ClassDef, name: str) -> ast.expr | None:
        """Return what objects of a class keep as `name`, if that is one expression."""
        return self._member(owner, name, 0)

    def _member(self, owner: ast.ClassDef, name: str, depth: int) -> ast.expr | None:
        """Return what a class, or the nearest class of this file that it extends, sets `name` to."""
        found: list[ast.expr | None] = [*(self.attributes.get((owner, name)) or self.bindings.get((owner, name)) or [])]
        # `self.session = None`, until it is opened: what it is then counts.
        found = [v for v in found if not (isinstance(v, ast.Constant) and v.value is None)] or found
        if found or depth > _DEEPEST:
            return found[0] if found and len(found) == 1 else None
        bases = [self.definitions.get(b.id) for b in owner.bases if isinstance(b, ast.Name)]
        known = (self._member(b, name, depth + 1) for b in bases if isinstance(b, ast.ClassDef))
        return next((value for value in known if value is not None), None)

    def resolve(self, node: ast.expr, depth: int = 0) -> Ref:
        """Return what `node` is, by its full name; `?` when that cannot be followed."""
        if depth > _DEEPEST:
            return UNKNOWN
        if node not in self.parents and (home := self.folder.home(node)) is not None:
            return home.resolve(node, depth)
        if depth or not self.folder.complete:
            return self._resolve(node, depth)
        if node not in self._resolved:
            self._resolved[node] = self._resolve(node, 0)
        return self._resolved[node]

    def _resolve(self, node: ast.expr, depth: int) -> Ref:
        match node:
            case ast.Name():
                return self._resolve_name(node, depth)
            case ast.Attribute():
                value = self.attribute_value(node)
                if value is not None:
                    return self.resolve(value, depth + 1)
                inner = self.resolve(node.value, depth + 1)
                return Ref(f"{inner.name}.{node.attr}", inner.call, inner.module)
            case ast.Call():
                return self._resolve_call(node, depth)
            case ast.Await():
                return self.resolve(node.value, depth + 1)
            case ast.BoolOp(op=ast.Or()):  # `session or requests.Session()`
                return self.resolve(node.values[-1], depth + 1)
            case _:
                return UNKNOWN

    def _resolve_name(self, node: ast.Name, depth: int) -> Ref:
        value = self.value_of(node)
        if value is not None:
            return self.resolve(value, depth + 1)
        function = self.parameter(node)
        if function is not None:
            return self.folder.given(function, node.id, depth)
        if node.id in self.aliases:
            return Ref(self.aliases[node.id])
        if node.id in self.definitions:
            return Ref(f"{self.name}.{node.id}")
        return Ref(node.id)

    def _resolve_call(self, node: ast.Call, depth: int) -> Ref:
        callee = self.resolve(node.func, depth + 1)
        module, target = self.find(callee.name)
        if isinstance(target, ast.FunctionDef | ast.AsyncFunctionDef) and module is not None:
            returned = [r.value for r in ast.walk(target) if isinstance(r, ast.Return) and r.value is not None]
            if len(returned) == 1:
                return module.resolve(returned[0], depth + 1)
        return Ref(f"{callee.name}()", node, self)

    def find(self, name: str) -> tuple[Module | None, Function | ast.ClassDef | None]:
        """Return where a full name is defined, if that is in this folder: `venue_api.VenueApi().get`."""
        first, _, rest = name.replace("()", "").partition(".")
        module = self if first == self.name else self.folder.modules.get(first)
        return (module, module.definitions.get(rest)) if module is not None else (None, None)

    def constructor(self, definition: ast.ClassDef) -> Function | None:
        """Return the `__init__` of a class of this folder."""
        return next((n for n in definition.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)

    def entry(self, node: ast.Subscript) -> ast.expr | None:
        """Return what `NAME["key"]` is, where NAME is one dict that is written out, and that key is never set anew."""
        key, home, table = node.slice, self, self.table(node.value)
        if not isinstance(key, ast.Constant) or table is None:
            return None
        for other in home.nodes:
            if isinstance(other, ast.Subscript) and isinstance(other.ctx, ast.Store | ast.Del):
                same = isinstance(other.slice, ast.Constant) and other.slice.value == key.value
                if same and ast.dump(other.value) == ast.dump(node.value):
                    return None
        return table.get(str(key.value))

    def table(self, node: ast.expr) -> dict[str, ast.expr] | None:
        """Return the entries of a dict that `node` is, or is bound to, where they are written out."""
        for _ in range(_DEEPEST):
            match node:
                case ast.Name() if (value := self.value_of(node)) is not None:
                    node = value
                case ast.Attribute() if (value := self.attribute_value(node)) is not None:
                    node = value
                case ast.Subscript() if (value := self.entry(node)) is not None:
                    node = value
                case ast.Name() | ast.Attribute() if (value := self.elsewhere(node)) is not None:
                    node = value
                case _:
                    break
        if isinstance(node, ast.Dict):
            entries = zip(node.keys, node.values, strict=True)
            return {str(k.value): v for k, v in entries if isinstance(k, ast.Constant)}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            return {k.arg: k.value for k in node.keywords if k.arg}
        return None

    def elsewhere(self, node: ast.Name | ast.Attribute) -> ast.expr | None:
        """Return what another file of the folder, or a class, sets a name to: `config.SETTINGS`, `Settings.API`."""
        if isinstance(node, ast.Name):
            home_name, _, name = self.aliases.get(node.id, "").rpartition(".")
        else:
            home_name, name = self.resolve(node.value).name, node.attr
        home = self.folder.modules.get(home_name)
        if home is not None:
            found = home.bindings.get((home.tree, name)) or []
            return found[0] if len(found) == 1 else None
        home, owner = self.find(home_name)
        return home.member(owner, name) if home is not None and isinstance(owner, ast.ClassDef) else None

    def given(self, call: ast.Call, *names: str) -> ast.expr | None:
        """Return the value of the first keyword among `names`, also one in a written out dict: `f(**OPTIONS)`."""
        found = keyword(call, *names)
        for spread in (k.value for k in call.keywords if k.arg is None):
            table = self.table(spread) or {}
            found = found or next((table[n] for n in names if n in table), None)
        return found

    def target(self, call: ast.Call) -> ast.AST | None:
        """Return the function that `call` runs, if it stands in this folder."""
        func = call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self":
            owner = self.class_of(call)
            return self.definitions.get(f"{owner.name}.{func.attr}") if owner is not None else None
        return self.find(self.resolve(func).name)[1]


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
