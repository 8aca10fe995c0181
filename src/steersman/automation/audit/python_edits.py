"""Edits of Python by source ranges: what is not replaced keeps its form, comments and line ends."""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from steersman.automation.audit.endpoints import Endpoint, Hole
from steersman.automation.audit.facts import Change, Edit
from steersman.automation.audit.python_calls import parameters
from steersman.automation.audit.python_module import Module

_TOKENS = frozenset(
    ("access_token", "token", "id_token", "jwt", "session_token", "accessToken", "access", "authToken", "auth_token")
)
_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT)
_BODY = {"text": "text()", "content": "bytes()"}


class NoSafeEdit(Exception):
    """Why this cannot be edited without changing what the script does; caught where the change is asked for."""


def replace(module: Module, node: ast.expr | ast.stmt, new: str) -> Edit:
    return Edit(start=module.start(node), end=module.end(node), new=new)


def _placed(module: Module, node: ast.expr, new: str) -> Edit:
    """Return `replace`, where `node` surely stands where Python says: within f-strings that is so only from 3.12 on.

    Raises:
        NoSafeEdit: what stands there is something else.
    """
    if any(isinstance(a, ast.JoinedStr) for a in module.ancestors(node)):
        try:
            same = ast.dump(ast.parse(module.text(node), mode="eval").body) == ast.dump(node)
        except (SyntaxError, ValueError):
            same = False
        if not same:
            raise NoSafeEdit(f"it stands within an f-string in line {node.lineno}, where its place is not sure")
    return replace(module, node, new)


def add_keyword(module: Module, call: ast.Call, text: str) -> Change:
    """Return the change that adds the argument `text` (`timeout=30`) behind the others of `call`."""
    if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.GeneratorExp):
        return Change(why_not="its only argument is a generator without parentheses of its own")
    start, source = module.start(call), module.source
    segment = module.text(call)
    lines = segment.splitlines(keepends=True)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(segment).readline) if t.type not in _LAYOUT]
    last, closing = tokens[-2], tokens[-1]
    before = "".join(lines[: last.end[0] - 1]) + lines[last.end[0] - 1][: last.end[1]]
    after = start + len(before.encode())
    if last.string == "(":
        return Change(edits=(Edit(start=after, end=after, new=text),))
    if last.string != ",":
        return Change(edits=(Edit(start=after, end=after, new=f", {text}"),))
    if last.end[0] == closing.start[0]:
        return Change(edits=(Edit(start=after, end=after, new=f" {text},"),))
    # One argument per line: ours gets a line of its own, below a comment that belongs to the one before.
    line = source.next_line(after)
    return Change(edits=(Edit(start=line, end=line, new=f"{source.indent(after)}{text},{source.line_end}"),))


def drop(module: Module, statement: ast.stmt) -> Edit:
    """Return the edit that takes out a statement; `pass` stands in where it is the only one, or shares its line."""
    source, start, end = module.source, module.start(statement), module.end(statement)
    block = next(
        (v for _, v in ast.iter_fields(module.parents[statement]) if isinstance(v, list) and statement in v), []
    )
    first, following = source.line_start(start), source.next_line(end)
    rest = source.text(end, following).strip()
    if len(block) < 2 or source.text(first, start).strip() or (rest and not rest.startswith("#")):
        return Edit(start=start, end=end, new="pass")
    return Edit(start=first, end=following, new="")


def client_name(module: Module, name: str) -> tuple[str, str]:
    """Return how to call `name` of steersman.client in this file, and what to import; ours yields to a name in use."""
    if module.aliases.get(name) == f"steersman.client.{name}":
        return name, name
    taken = {n for _, n in module.bindings} | set(module.definitions) | set(module.aliases)
    taken |= {p for d in module.nodes for p in parameters(d)}
    return (f"steersman_{name}", f"{name} as steersman_{name}") if name in taken else (name, name)


@dataclass(slots=True)
class Uses:
    """What becomes of a response: attributes read of it, and statements that only check its status."""

    attributes: list[ast.Attribute] = field(default_factory=list)
    checks: list[ast.stmt] = field(default_factory=list)
    variable: str = ""


def uses_of(module: Module, call: ast.Call) -> Uses:
    """Follow what `call` returns.

    Raises:
        NoSafeEdit: it is handed on, awaited, or used in a way that cannot be followed.
    """
    parent, found = module.parents[call], Uses()
    if isinstance(parent, ast.Attribute):
        _sort(module, parent, found)
    elif isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        found.variable = parent.targets[0].id
        for name in _loads(module, parent.targets[0], call):
            above = module.parents[name]
            if not isinstance(above, ast.Attribute):
                raise NoSafeEdit(f"the response is handed on in line {name.lineno}")
            _sort(module, above, found)
    elif isinstance(parent, ast.Await):
        raise NoSafeEdit("it is awaited, and the client answers without await")
    elif isinstance(parent, ast.withitem):
        raise NoSafeEdit("the response is used as a context and read piece by piece")
    else:
        raise NoSafeEdit("the response itself is handed on")
    return found


def _loads(module: Module, target: ast.Name, value: ast.expr) -> Iterator[ast.Name]:
    scope = module.scope(target)
    if len(module.bindings[scope, target.id]) != 1:
        raise NoSafeEdit(f"`{target.id}` is assigned more than once")
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == target.id and isinstance(node.ctx, ast.Load):
            if module.value_of(node) is not value:
                raise NoSafeEdit(f"`{target.id}` in line {node.lineno} may be another one")
            yield node


def _sort(module: Module, attribute: ast.Attribute, found: Uses) -> None:
    above = module.parents[attribute]
    called = isinstance(above, ast.Call) and above.func is attribute
    if attribute.attr == "raise_for_status" and called and isinstance(module.parents[above], ast.Expr):
        statement = module.parents[above]
        if not isinstance(statement, ast.stmt):  # pragma: no cover - ast.Expr is a statement
            raise NoSafeEdit("its status is checked in an expression")
        if found.variable:
            found.checks.append(statement)
            return
    plain = called and not (isinstance(above, ast.Call) and above.args)
    if (attribute.attr in ("json", "read") and plain) or (attribute.attr in _BODY and not called):
        found.attributes.append(attribute)
    else:
        raise NoSafeEdit(f"`.{attribute.attr}` of the response is used in line {attribute.lineno}")


def pull_change(
    module: Module, call: ast.Call, asked: Endpoint, name: str, holes: tuple[str, ...], suffix: str = ""
) -> Change:
    """Return the change of `call` into `pull(name)`; `suffix` when the call stands for the body, not the response."""
    try:
        arguments = _arguments(module, call, asked, holes)
        parsed = call if suffix else _parsed(module, call)
        if parsed is not call:
            call, suffix = parsed, ".json()"
        used = Uses() if suffix else uses_of(module, call)
    except NoSafeEdit as exc:
        return Change(why_not=str(exc))
    function, imported = client_name(module, "pull")
    edits = [replace(module, call, f'{function}("{name}"{arguments}){suffix}')]
    for attribute in used.attributes:
        stop = module.end(attribute)
        if attribute.attr == "read":
            edits.append(Edit(start=stop - len("read"), end=stop, new="bytes"))
        elif attribute.attr in _BODY:
            edits.append(Edit(start=stop - len(attribute.attr), end=stop, new=_BODY[attribute.attr]))
    edits += [drop(module, statement) for statement in used.checks]
    return Change(edits=tuple(edits), client=(imported,))


def argument_change(module: Module, node: ast.expr, asked: Endpoint, name: str, holes: tuple[str, ...]) -> Change:
    """Return the change of an address handed to a reader of files into the path of the pulled file."""
    try:
        arguments = _arguments(module, node, asked, holes)
    except NoSafeEdit as exc:
        return Change(why_not=str(exc))
    function, imported = client_name(module, "pull")
    return Change(edits=(replace(module, node, f'{function}("{name}"{arguments}).path'),), client=(imported,))


def _arguments(module: Module, call: ast.expr, asked: Endpoint, holes: tuple[str, ...]) -> str:
    """Return the parameters of the pull, `, symbol=symbol`: what the script computes for each part that varies."""
    given: dict[str, str] = {}
    for hole, name in zip(asked.holes, holes, strict=True):
        if hole.env:
            raise NoSafeEdit(f"the address depends on the environment ({hole.name}): write it out in the declaration")
        if not _visible(module, call, hole):
            raise NoSafeEdit(f"`{hole.source}` is not known where the request is made")
        given[name] = hole.source
    if not asked.complete:
        raise NoSafeEdit("it adds parameters that cannot be read here")
    return "".join(f", {name}={source}" for name, source in given.items())


def _visible(module: Module, call: ast.expr, hole: Hole) -> bool:
    try:
        tree = ast.parse(hole.source, mode="eval")
    except (SyntaxError, ValueError):
        return False
    known = set(dir(builtins)) | set(module.aliases) | set(module.definitions)
    for scope in module.ancestors(call):
        known |= {n for s, n in module.bindings if s is scope} | set(parameters(scope))
    return bool(hole.source) and all(n.id in known for n in ast.walk(tree) if isinstance(n, ast.Name))


def login_change(module: Module, call: ast.Call, name: str, suffix: str = "") -> Change:
    """Return the change of a token request into `token(name)`, where only the token of the answer is used.

    `suffix` says that the call stands for the body of the answer: `.json()`, `.text()`, `.bytes()`.
    """
    function, imported = client_name(module, "token")
    try:
        body = call if suffix == ".json()" else _parsed(module, call)
        if suffix or body is not call:
            if body is call and suffix != ".json()":
                raise NoSafeEdit("it is not seen where the token of the answer is used")
            edits = list(_of_body(module, body, f'{function}("{name}")'))
            return Change(edits=tuple(edits), client=(imported,))
        used = uses_of(module, call)
        edits = list(_secrets(module, call, used, f'{function}("{name}")'))
    except NoSafeEdit as exc:
        return Change(why_not=str(exc))
    return Change(edits=(*edits, *(drop(module, s) for s in used.checks)), client=(imported,))


def _secrets(module: Module, call: ast.Call, used: Uses, lease: str) -> Iterator[Edit]:
    if not used.attributes:
        raise NoSafeEdit("it is not seen where the token of the answer is used")
    if used.variable:
        yield replace(module, call, lease)
    for attribute in used.attributes:
        body = module.parents[attribute]
        if attribute.attr != "json" or not isinstance(body, ast.Call):
            raise NoSafeEdit(f"the answer is read as text in line {attribute.lineno}")
        yield from _of_body(module, body, used.variable or lease)


def _parsed(module: Module, call: ast.Call) -> ast.Call:
    """Return `json.load(call)` or `json.loads(call)` if the answer is handed to that at once, else `call`."""
    above = module.parents[call]
    parses = isinstance(above, ast.Call) and module.resolve(above.func).name in ("json.load", "json.loads")
    return above if parses and isinstance(above, ast.Call) and above.args == [call] and not above.keywords else call


def _of_body(module: Module, body: ast.Call, here: str) -> Iterator[Edit]:
    """Return the edits that use the lease `here` where the token is taken out of the parsed `body`."""
    above = module.parents[body]
    if isinstance(above, ast.Subscript) and _is_token(above):
        yield _placed(module, above, f"{here}.secret")
    elif isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        yield replace(module, body, here)
        for load in _loads(module, above.targets[0], body):
            entry = module.parents[load]
            if not (isinstance(entry, ast.Subscript) and _is_token(entry)):
                raise NoSafeEdit(f"more than the token of the answer is used in line {load.lineno}")
            yield _placed(module, entry, f"{load.id}.secret")
    else:
        raise NoSafeEdit(f"more than the token of the answer is used in line {body.lineno}")


def _is_token(node: ast.Subscript) -> bool:
    return isinstance(node.slice, ast.Constant) and node.slice.value in _TOKENS
