"""What tries a failed request again in Python: sessions, decorators, loops, and whoever calls its function."""

from __future__ import annotations

import ast
import re
from typing import Final

from steersman.automation.audit.python_calls import keyword
from steersman.automation.audit.python_module import Module, Ref
from steersman.automation.audit.python_tables import argument_of

_RETRIES: Final = re.compile(r"(?i)retr(y|ies)|backoff|stamina|tenacity|on_exception")
_STATUS: Final = ("status_code", "ok", "status", "is_success", "is_error")
_DEEPEST: Final = 3
_MOST_CALLERS: Final = 100


def of_session(session: Ref, *names: str) -> ast.expr | None:
    """Return what a session was made with under one of `names`."""
    if session.call is None or session.module is None:
        return None
    return argument_of(session.module, session.call, *names)


def retried(module: Module, call: ast.Call, session: Ref | None, depth: int = 0) -> bool:
    """Say whether a failed call is tried again: by its session, a decorator, a loop, or whoever calls its function."""
    if session is not None and _retrying_session(session):
        return True
    if any(_is_retrying(module, a) for a in module.ancestors(call)) or _in_retry_loop(module, call):
        return True
    function = module.function_of(call)
    if function is None or depth >= _DEEPEST:
        return False
    handed = any(
        isinstance(a, ast.Name) and a.id == function.name
        for c in module.calls
        if _RETRIES.search(module.resolve(c.func).name) or _repeats(module, c.func)
        for a in c.args
    )
    sites = module.folder.sites(function)[:_MOST_CALLERS]
    return handed or (bool(sites) and all(retried(m, c, None, depth + 1) for m, c in sites))


def _retrying_session(session: Ref) -> bool:
    if session.call is None or session.module is None:
        return False
    if (transport := of_session(session, "transport")) is not None:
        made = session.module.resolve(transport).call
        if made is not None and keyword(made, "retries") is not None:
            return True
    if of_session(session, "retries") is not None:
        return True
    for call in session.module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "mount" and len(call.args) == 2:
            adapter = session.module.resolve(call.args[1])
            most = keyword(adapter.call, "max_retries") if adapter.call is not None else None
            same = session.module.resolve(call.func.value).call is session.call
            if same and most is not None and not (isinstance(most, ast.Constant) and not most.value):
                return True
    return False


def _is_retrying(module: Module, node: ast.AST) -> bool:
    """Say whether `node` is something that repeats what stands in it: a decorated function, a retrying call or loop."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        deciding = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        return any(_RETRIES.search(module.resolve(d).name) or _repeats(module, d) for d in deciding)
    if isinstance(node, ast.For | ast.AsyncFor):
        return isinstance(node.iter, ast.Call) and bool(_RETRIES.search(module.resolve(node.iter.func).name))
    if not isinstance(node, ast.Call):
        return False
    return bool(_RETRIES.search(module.resolve(node.func).name)) or (bool(node.args) and _repeats(module, node.func))


def _repeats(module: Module, decorator: ast.expr) -> bool:
    """Say whether a decorator of this folder holds a loop with a `try` that returns: it repeats what it wraps."""
    _, definition = module.find(module.resolve(decorator).name)
    loops = [n for n in ast.walk(definition) if isinstance(n, ast.For | ast.While)] if definition is not None else []
    tries = [t for loop in loops for t in ast.walk(loop) if isinstance(t, ast.Try)]
    return any(isinstance(n, ast.Return) for t in tries for part in t.body for n in ast.walk(part))


def _asks_until_it_is_right(module: Module, loop: ast.AST) -> bool:
    if isinstance(loop, ast.For):
        call = loop.iter
        counts = isinstance(call, ast.Call) and module.resolve(call.func).name in ("range", "itertools.count")
        return counts and _asks_again(loop)
    return isinstance(loop, ast.While) and _asks_again(loop)


def _asks_again(node: ast.AST) -> bool:
    """Say whether a loop is left once the status of an answer is right, or turns again while it is wrong."""
    for part in ast.walk(node):
        if isinstance(part, ast.If):
            judged = any(isinstance(n, ast.Attribute) and n.attr in _STATUS for n in ast.walk(part.test))
            decides = any(isinstance(n, ast.Return | ast.Break | ast.Continue) for s in part.body for n in ast.walk(s))
            if judged and decides:
                return True
    return False


def _in_retry_loop(module: Module, call: ast.Call) -> bool:
    """Say whether `call` stands in a `try` in a loop that ends once it went well."""
    guarded: ast.Try | None = None
    below: ast.AST = call
    for node in module.ancestors(call):
        if isinstance(node, ast.Try) and below in node.body:
            guarded = node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return False
        elif _asks_until_it_is_right(module, node) or (guarded is not None and isinstance(node, ast.While)):
            return True
        elif guarded is not None and isinstance(node, ast.For):
            tried = [*guarded.body, *guarded.orelse, *node.body]
            return any(isinstance(n, ast.Return | ast.Break) for t in tried for n in ast.walk(t))
        below = node
    return False
