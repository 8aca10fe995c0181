"""Secrets in Python: literals under names that promise one, and known shapes anywhere, docstrings included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.facts import Change, Edit, Renamed, Secret
from steersman.automation.audit.python_edits import client_name
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.secret_shapes import IN_REQUEST, find_secret

# Where the password stands in calls that take it without a name, as their documentation has it.
_PASSWORDS: Final[tuple[tuple[re.Pattern[str], tuple[int, ...]], ...]] = (
    (re.compile(r"^(smtplib|imaplib|ftplib)\..*\.login$"), (1,)),
    (re.compile(r"^ftplib\.FTP(_TLS)?$"), (2,)),
    (re.compile(r"HTTP(Basic|Digest|Proxy)Auth$|\bBasicAuth$|DigestAuth$"), (1,)),
    (re.compile(r"^poplib\..*\.pass_$"), (0,)),
    (re.compile(r"^pymysql\.connect$|^MySQLdb\.connect$"), (2,)),
)
_PLAIN: Final = re.compile(rb"""^[rRuU]?(?:"[^"\\\n]*"|'[^'\\\n]*')$""")


def secrets(module: Module) -> Iterator[Secret]:
    """Return every secret written into the file, in order."""
    constants = [n for n in module.nodes if isinstance(n, ast.Constant) and isinstance(n.value, str | bytes)]
    for node in sorted(constants, key=lambda n: (n.lineno, n.col_offset)):
        value = node.value.decode("utf-8", errors="replace") if isinstance(node.value, bytes) else str(node.value)
        name = _name(module, node)
        found = find_secret(value, name)
        if found is not None and found[1] not in (None, name):
            kind, secret = found
            if kind == IN_REQUEST and isinstance(module.parents.get(node), ast.Expr):
                continue  # a docstring that shows what a request looks like
            yield Secret(
                place=module.place(node),
                kind=kind,
                value=secret,
                stem=name or kind,
                change=_change(module, node, value, secret),
            )


def _name(module: Module, node: ast.Constant) -> str:
    """Return what a literal is called where it stands: the target, the keyword, the key or the parameter."""
    parent = module.parents.get(node)
    match parent:
        case ast.Assign():
            return _target(parent.targets[0])
        case ast.AnnAssign() | ast.NamedExpr():
            return _target(parent.target)
        case ast.keyword():
            return parent.arg or ""
        case ast.Dict():
            key = next((k for k, v in zip(parent.keys, parent.values, strict=True) if v is node), None)
            return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        case ast.arguments():
            return _parameter(parent, node)
        case ast.Call() if len(parent.args) == 2 and parent.args[1] is node:
            return _default_of_environment(module, parent) or _position(module, parent, node)
        case ast.BoolOp():
            above = module.parents.get(parent)
            return _target(above.targets[0]) if isinstance(above, ast.Assign) else ""
        case ast.Call():
            return _position(module, parent, node)
        case ast.Tuple() if len(parent.elts) == 2 and _authenticates(module, parent):
            return "password" if parent.elts[1] is node else _alone(parent.elts[1])
        case _:
            return ""


def _position(module: Module, call: ast.Call, node: ast.Constant) -> str:
    """Return what an argument without a name is: the password of a login, of basic authentication, of a connection."""
    name = module.resolve(call.func).name
    place = next((n for n, a in enumerate(call.args) if a is node), None)
    for pattern, positions in _PASSWORDS:
        if pattern.search(name) and place is not None and place in positions:
            return "password"
    return ""


def _authenticates(module: Module, pair: ast.Tuple) -> bool:
    above = module.parents.get(pair)
    match above:
        case ast.keyword():
            return above.arg == "auth"
        case ast.Assign():
            return _target(above.targets[0]).lower() in ("auth", "basic_auth", "http_auth")
        case _:
            return False


def _alone(password: ast.expr) -> str:
    """Some send their key as the user, with no password."""
    return "key" if isinstance(password, ast.Constant) and not password.value else ""


def _default_of_environment(module: Module, call: ast.Call) -> str:
    first = call.args[0]
    reads = module.resolve(call.func).name in ("os.getenv", "os.environ.get", "os.environ.setdefault")
    return first.value if reads and isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _target(target: ast.AST) -> str:
    match target:
        case ast.Name():
            return target.id
        case ast.Attribute():
            return target.attr
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case _:
            return ""


def _parameter(arguments: ast.arguments, node: ast.Constant) -> str:
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(named), reversed(arguments.defaults), strict=False)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    return next((a.arg for a, d in pairs if d is node), "")


def _change(module: Module, node: ast.Constant, value: str, secret: str) -> Renamed:
    """Return the change that leases the secret where it stood, its surroundings kept."""
    start, end = module.start(node), module.end(node)

    def change(name: str, _holes: tuple[str, ...]) -> Change:
        if isinstance(module.parents.get(node), ast.JoinedStr | ast.FormattedValue | ast.Expr):
            return Change(why_not="it is part of a longer text")
        if isinstance(node.value, bytes) or not _PLAIN.match(module.source.data[start:end]):
            return Change(why_not="it is no plain literal on one line")
        function, imported = client_name(module, "token")
        lease = f'{function}("{name}").secret'
        before, _, after = value.partition(secret)
        parts = [p for p in (repr(before) if before else "", lease, repr(after) if after else "") if p]
        new = " + ".join(parts)
        return Change(
            edits=(Edit(start=start, end=end, new=f"({new})" if len(parts) > 1 else new),), client=(imported,)
        )

    return change
