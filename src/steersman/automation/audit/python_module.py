"""A Python script as a tree with names followed: imports, constants, objects, functions here and in files beside it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from steersman.automation.audit.model import Place
from steersman.automation.audit.python_calls import Function, argument, keyword, parameters
from steersman.automation.audit.python_names import SCOPES, Names
from steersman.automation.audit.settings_files import SettingsFiles
from steersman.automation.audit.source import Source

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
    """The Python files that are audited together: scripts import each other."""

    modules: dict[str, Module] = field(default_factory=dict)
    settings: SettingsFiles = field(default_factory=SettingsFiles)
    _homes: dict[ast.AST, Module] = field(default_factory=dict)
    _sites: dict[ast.AST, list[tuple[Module, ast.Call]]] | None = None
    _given: dict[tuple[ast.AST, str], Ref] = field(default_factory=dict)

    def home(self, node: ast.AST) -> Module | None:
        """Return the module that `node` stands in."""
        return self._homes.get(node)

    def add(self, module: Module) -> None:
        """Take a file in; its name leads from the audited folder to it: `jobs/common`."""
        self.modules[module.name] = module
        self._homes.update(dict.fromkeys(module.nodes, module))

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

    def follow(self, guess: Callable[[Module, ast.Call], Function | None] | None = None) -> None:
        """Find out which call runs which function, once all modules are in; `guess` knows of those that names hide."""
        found: dict[ast.AST, list[tuple[Module, ast.Call]]] = defaultdict(list)
        for module in self.modules.values():
            for call in module.calls:
                target = module.target(call) or (guess(module, call) if guess is not None else None)
                if target is not None:
                    found[target].append((module, call))
                home = self.home(target) if isinstance(target, ast.ClassDef) else None
                made = home.constructor(target) if home is not None and isinstance(target, ast.ClassDef) else None
                if made is not None:
                    found[made].append((module, call))
        self._sites = dict(found)
        self._given.clear()


class Module(Names):
    """One parsed file. `resolve` follows names; it gives up (`?`) rather than guess."""

    def __init__(self, source: Source, tree: ast.Module, name: str, folder: Folder) -> None:
        super().__init__(tree)
        self.source = source
        self.name = name
        self.folder = folder
        self._resolved: dict[ast.AST, Ref] = {}

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
        for scope in (a for a in self.ancestors(name) if isinstance(a, SCOPES)):
            if isinstance(scope, ast.ClassDef):
                continue
            found = self.bindings.get((scope, name.id))
            if found:
                return found[0] if len(found) == 1 else None
            if not isinstance(scope, ast.Module) and name.id in parameters(scope):
                return None
        return None

    @property
    def has_default_timeout(self) -> bool:
        """Say whether the file gives every socket of the standard library a limit: `socket.setdefaulttimeout(12)`."""
        set_ = [c for c in self.calls if isinstance(c.func, ast.Attribute) and c.func.attr == "setdefaulttimeout"]
        return any(self.resolve(c.func).name == "socket.setdefaulttimeout" and c.args for c in set_)

    def bound_in(self, name: ast.AST) -> ast.AST | None:
        """Return the function or module that a name, or the owner of `name[...]`, is bound in."""
        owner = name.value if isinstance(name, ast.Subscript) else name
        if not isinstance(owner, ast.Name):
            return None
        scopes = (a for a in self.ancestors(owner) if isinstance(a, SCOPES) and not isinstance(a, ast.ClassDef))
        return next((a for a in scopes if (a, owner.id) in self.bindings or owner.id in parameters(a)), None)

    def loop_of(self, name: ast.Name) -> ast.For | ast.AsyncFor | ast.comprehension | None:
        """Return the loop or comprehension that sets a name and that it stands in, if nothing else sets it."""
        for ancestor in self.ancestors(name):
            loops: Sequence[ast.For | ast.AsyncFor | ast.comprehension] = ()
            if isinstance(ancestor, ast.For | ast.AsyncFor):
                loops = [ancestor]
            elif isinstance(ancestor, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                loops = ancestor.generators
            for loop in loops:
                if any(isinstance(n, ast.Name) and n.id == name.id for n in ast.walk(loop.target)):
                    return loop
            if isinstance(ancestor, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
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
        made = self.definitions.get(f"{owner.name}.{name}")
        if made is not None and any(self._is_property(d) for d in made.decorator_list):
            returned = [r.value for r in ast.walk(made) if isinstance(r, ast.Return) and r.value is not None]
            return returned[0] if len(returned) == 1 else None
        found: list[ast.expr | None] = [*(self.attributes.get((owner, name)) or self.bindings.get((owner, name)) or [])]
        # `self.session = None`, until it is opened: what it is then counts.
        found = [v for v in found if not _is_nothing(v)] or found
        if found or depth > _DEEPEST:
            return found[0] if found and len(found) == 1 else None
        known = (home._member(base, name, depth + 1) for home, base in self._bases(owner))
        return next((value for value in known if value is not None), None)

    def _bases(self, owner: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
        """Return the classes of this folder that a class extends, each with the file it stands in."""
        for base in owner.bases:
            home, found = self.find(self.resolve(base).name)
            if home is not None and isinstance(found, ast.ClassDef) and found is not owner:
                yield home, found

    def method(self, owner: ast.ClassDef, name: str, depth: int = 0) -> Function | ast.ClassDef | None:
        """Return the method that objects of a class have, its own or one of a class it extends."""
        found = self.definitions.get(f"{owner.name}.{name}")
        if found is not None or depth > _DEEPEST:
            return found
        above = (home.method(base, name, depth + 1) for home, base in self._bases(owner))
        return next((m for m in above if m is not None), None)

    def _is_property(self, decorator: ast.expr) -> bool:
        name = decorator.id if isinstance(decorator, ast.Name) else getattr(decorator, "attr", "")
        return name in ("property", "cached_property")

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
                return self._resolve_attribute(node, depth)
            case ast.Call():
                return self._resolve_call(node, depth)
            case ast.Await():
                return self.resolve(node.value, depth + 1)
            case ast.BoolOp(op=ast.Or()):  # `session or requests.Session()`
                return self.resolve(node.values[-1], depth + 1)
            case _:
                return UNKNOWN

    def _resolve_attribute(self, node: ast.Attribute, depth: int) -> Ref:
        inner = self.resolve(node.value, depth + 1)
        name = f"{inner.name}.{node.attr}"
        if name in self.packages:  # `import common.http`
            return Ref(self.packages[name])
        home, owner = self.find(inner.name)
        if home is not None and isinstance(owner, ast.ClassDef) and f"{owner.name}.{node.attr}" in home.definitions:
            kept = home.member(owner, node.attr)
            if kept is not None and "()" in inner.name:  # a property: what it returns
                return home.resolve(kept, depth + 1)
        return Ref(name, inner.call, inner.module)

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
        found = self.method(definition, "__init__")
        return found if isinstance(found, ast.FunctionDef) else None

    def target(self, call: ast.Call) -> ast.AST | None:
        """Return the function that `call` runs, if it stands in this folder."""
        func = call.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self":
            owner = self.class_of(call)
            return self.method(owner, func.attr) if owner is not None else None
        name = self.resolve(func).name
        found = self.find(name)[1]
        if found is None and isinstance(func, ast.Attribute) and "()." in name:
            home, owner_ = self.find(name.rpartition("().")[0])
            found = home.method(owner_, func.attr) if home is not None and isinstance(owner_, ast.ClassDef) else None
        return found


def _is_nothing(node: ast.expr | None) -> bool:
    """Say whether a member is only declared here: `None`, or a dataclass field that starts as None."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field":
        node = keyword(node, "default")
        return node is None or _is_nothing(node)
    return isinstance(node, ast.Constant) and node.value is None
