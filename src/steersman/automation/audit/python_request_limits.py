"""What ends the wait for an answer in Python: the call, its session, an adapter, the library; the edit that adds it."""

from __future__ import annotations

import ast
from typing import Final

from steersman.automation.audit.facts import Change
from steersman.automation.audit.python_calls import argument, argument_given, is_none, keyword
from steersman.automation.audit.python_edits import add_keyword, replace
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_requests import Request
from steersman.automation.audit.python_tables import argument_of, table

LIMIT_S: Final = 30
_OTHERS: Final = ("http.client", "polars", "pandas", "feedparser", "urlretrieve")
_LIMITED: Final = ("httpx", "aiohttp")


def limit(request: Request) -> tuple[bool, Change]:
    """Say whether anything ends the wait for an answer, and return the edit that makes it so."""
    call, given = request.call, argument_of(request.module, request.call, "timeout")
    if given is None and request.partial is not None:
        given = keyword(request.partial, "timeout")
    if request.run is not None:
        ends = request.run.limited or (given is not None and not is_none(given))
        return ends, Change() if ends else add_keyword(request.module, call, f"timeout={LIMIT_S}")
    if request.library in _OTHERS:
        return _of_others(request)
    if given is not None:
        if not is_none(given):
            left = _left_out(request, given)
            return not left, Change(why_not=f"its limit is `{left}`, which not everybody gives") if left else Change()
        if given not in request.module.parents:
            return False, Change(why_not="the limit is taken away in another file")
        return False, Change(edits=(replace(request.module, given, str(LIMIT_S)),))
    if not _by_default(request):
        return False, add_keyword(request.module, call, f"timeout={LIMIT_S}")
    if (none := _taken_away(request)) is not None:
        if none not in request.module.parents:
            return False, Change(why_not="its session is made without a limit, in another file")
        return False, Change(edits=(replace(request.module, none, str(LIMIT_S)),))
    return True, Change()


def _of_others(request: Request) -> tuple[bool, Change]:
    """Return the same for what takes no limit itself: readers of files, urlretrieve, the request of a connection."""
    if request.library in ("http.client", "polars"):
        return True, Change()  # its connection has the limit, or is found itself; polars has its own
    # pandas, feedparser and urlretrieve read addresses with urllib.
    ends = request.module.has_default_timeout
    step = "read the file of a pull(): it has one"
    return ends, Change() if ends else Change(why_not=f"{request.library} takes no timeout here", next_step=step)


def _by_default(request: Request) -> bool:
    """Say whether something ends the wait that the call itself does not say."""
    if _spread_without_timeout(request):
        return False
    if any(k.arg is None for k in request.call.keywords) and not _kwargs_without_timeout(request):
        return True
    if request.library == "urllib" and (len(request.call.args) > 2 or request.module.has_default_timeout):
        return True
    # Their own limits (httpx 5 s, aiohttp 5 min) are finite.
    return request.library in _LIMITED or request.limited_by_class or _session_limits(request)


def _left_out(request: Request, given: ast.expr) -> str:
    """Return the parameter that is the limit, where it is None unless a caller says otherwise and some do not."""
    function = request.module.parameter(given) if isinstance(given, ast.Name) else None
    if function is None or not isinstance(given, ast.Name):
        return ""
    default = argument(function, ast.Call(given, [], []), given.id)
    if default is None or not is_none(default):
        return ""
    sites = request.module.folder.sites(function)
    return given.id if any(not argument_given(function, call, given.id) for _, call in sites) else ""


def _spread_without_timeout(request: Request) -> bool:
    """Say whether all that is handed over with `**` is dicts that are written out, without a limit."""
    spreads = [k.value for k in request.call.keywords if k.arg is None]
    tables = [table(request.module, s) for s in spreads]
    changed = any(
        isinstance(n, ast.Attribute) and n.attr in ("update", "setdefault") and ast.dump(n.value) == ast.dump(s)
        for s in spreads
        for n in request.module.nodes
    )
    limits = request.library in _LIMITED or request.limited_by_class or _session_limits(request)
    return bool(spreads) and not changed and not limits and all(t is not None and "timeout" not in t for t in tables)


def _kwargs_without_timeout(request: Request) -> bool:
    """Say whether `**name` is a parameter that no caller in the folder gives a timeout through."""
    function = request.module.function_of(request.call)
    if function is None or function.args.kwarg is None:
        return False
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name):
            sets = isinstance(node.ctx, ast.Store) or getattr(node, "attr", "") in ("setdefault", "update")
            if sets and node.value.id == function.args.kwarg.arg:
                return False
    sites = request.module.folder.sites(function)
    return bool(sites) and all(
        keyword(c, "timeout") is None and all(k.arg is not None for k in c.keywords) for _, c in sites
    )


def _session_limits(request: Request) -> bool:
    """Say whether the session itself was given a limit: urllib3's constructor, or a partial set on it."""
    session = request.session
    if session is None or session.call is None or session.module is None:
        return False
    if request.library == "urllib3":
        return keyword(session.call, "timeout") is not None
    if _mounts_a_limit(session.module, session.call):
        return True
    for node in session.module.nodes:
        if isinstance(node, ast.Assign) and _sets_a_limit(session.module, node.value):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and session.module.resolve(target.value).call is session.call:
                    return True
    return False


def _sets_a_limit(module: Module, value: ast.expr) -> bool:
    """Say whether what is put in the place of a session's method sets a limit: a partial, a function of this folder."""
    if isinstance(value, ast.Call):
        return keyword(value, "timeout") is not None
    _, made = module.find(module.resolve(value).name) if isinstance(value, ast.Name) else (None, None)
    return made is not None and any(isinstance(n, ast.Constant) and n.value == "timeout" for n in ast.walk(made))


def _mounts_a_limit(module: Module, made: ast.Call) -> bool:
    """Say whether an adapter of this folder that sets a timeout is mounted on the session that `made` makes."""
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "mount" and len(call.args) == 2:
            _, adapter = module.find(module.resolve(call.args[1]).name)
            if isinstance(adapter, ast.ClassDef) and module.resolve(call.func.value).call is made:
                named = (n.value for n in ast.walk(adapter) if isinstance(n, ast.Constant))
                return "timeout" in named or any(
                    isinstance(n, ast.keyword) and n.arg == "timeout" for n in ast.walk(adapter)
                )
    return False


def _taken_away(request: Request) -> ast.expr | None:
    """Return the `timeout=None` by which a session lost the limit that its library has."""
    session = request.session if request.library in _LIMITED else None
    if session is None or session.call is None or session.module is None:
        return None
    given = keyword(session.call, "timeout")
    given = session.module.value_of(given) or given if isinstance(given, ast.Name) else given
    return given if given is not None and is_none(given) else None
