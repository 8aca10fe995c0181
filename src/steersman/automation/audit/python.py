"""One Python script read: everything in it that the audit compares or minds."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import replace as replace_fields

from steersman.automation.audit.endpoints import Endpoint, Hole
from steersman.automation.audit.facts import Call, Change, Script, Shared
from steersman.automation.audit.model import NotRead, Place
from steersman.automation.audit.python_calls import Function
from steersman.automation.audit.python_checks import checks
from steersman.automation.audit.python_commands import commanded, run_calls, run_facts
from steersman.automation.audit.python_edits import argument_change, login_change, pull_change
from steersman.automation.audit.python_frames import Frame
from steersman.automation.audit.python_limits import sdk_waits
from steersman.automation.audit.python_limits import waits as other_waits
from steersman.automation.audit.python_logins import key_settings, request_login, sdk_logins
from steersman.automation.audit.python_module import Folder, Module
from steersman.automation.audit.python_request_limits import limit
from steersman.automation.audit.python_requests import (
    Request,
    frames,
    requests_of,
)
from steersman.automation.audit.python_retries import retried
from steersman.automation.audit.python_sdk_reads import sdk_reads
from steersman.automation.audit.python_secrets import secrets
from steersman.automation.audit.python_tables import argument_of
from steersman.automation.audit.python_text import overridden
from steersman.automation.audit.python_waits import waits
from steersman.automation.audit.secret_shapes import promises_secret
from steersman.automation.audit.source import Source

_CALLED = {"urllib": "urlopen", "curl": "curl", "urlretrieve": "urlretrieve", "feedparser": "feedparser.parse"}
_READS = ("get", "head", "options")


def parse(source: Source, folder: Folder, *, name: str = "") -> Module | NotRead:
    """Return `source` as a module of `folder`, or why it is none: Python 2, or broken.

    Args:
        name: what imports call it; made from its file when empty.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the script's business
            tree = ast.parse(source.data)
    except SyntaxError as exc:
        return NotRead(file=source.file, line=exc.lineno, reason=f"not Python 3: {exc.msg}")
    except (ValueError, RecursionError, MemoryError) as exc:
        return NotRead(file=source.file, line=None, reason=f"not Python 3: {exc}")
    # Only what ends in .py can be imported; a script without that must not stand in the way of one that does.
    stem, _, suffix = source.file.rpartition(".")
    own = stem.replace(".", "_") if suffix == "py" else f"{source.file}#"
    module = Module(source, tree, name or own, folder)
    folder.add(module)
    return module


def read(module: Module, files: dict[str, str]) -> Script:
    """Return what `module` does; `files` are the paths of all modules by name.

    The request of a wrapper function counts where it stands for timeouts and retries, and at each caller that decides
    the address for pulls, checks and logins; callers in other files get their own part by `calls_from`.
    """
    calls = [*other_waits(module), *sdk_waits(module)]
    sends: list[Place] = []
    for request in requests_of(module):
        calls.append(_call(request))
        if _writes(request):
            sends.append(module.place(request.call))
    run = [(call, script) for call in module.calls if (script := commanded(module, call)) is not None]
    for call, script in run:
        calls += run_calls(module, call, script)
    used = {a.split(".")[0] for a in (*module.aliases.values(), *module.packages.values())}
    return Script(
        file=module.source.file,
        language="python",
        source=module.source,
        calls=tuple(sorted(calls, key=lambda c: c.place)),
        logins=(*sdk_logins(module), *key_settings(module), *run_facts(module, run, "logins")),
        pulls=(*sdk_reads(module), *run_facts(module, run, "pulls")),
        checks=(*checks(module), *run_facts(module, run, "checks")),
        waits=tuple(waits(module)),
        secrets=tuple(secrets(module)),
        uses=tuple(sorted(files[name] for name in used - {module.name} if name in files)),
        sends=tuple(sends),
    )


def _call(request: Request) -> Call:
    module = request.module
    limited, change = limit(request)
    methods = {request.method(frame) for frame in request.callers}
    asked = request.asked(None)
    login = asked is not None and asked.is_login
    return Call(
        place=module.place(request.call),
        what=_CALLED.get(request.library, f"{request.library}.{request.verb}"),
        limited=limited,
        limit=change,
        reads=bool(methods & set(_READS)) and not login,
        retried=request.retrying
        or (request.run is not None and request.run.retried)
        or retried(module, request.call, request.session),
    )


def _writes(request: Request) -> bool:
    for _, _, frame in frames(request):
        asked = request.asked(frame)
        if request.method(frame) in ("post", "put", "patch", "delete") and not (asked is not None and asked.is_login):
            return True
    return False


def shared(folder: Folder) -> dict[str, list[tuple[str, Shared]]]:
    """Return logins, pulls and checks made by HTTP, as (what, fact) by the module in which the address is decided."""
    found: dict[str, list[tuple[str, Shared]]] = {}
    for module in folder.modules.values():
        for request in requests_of(module):
            for home, call, frame in frames(request):
                asked = request.asked(frame)
                if asked is not None and asked.comparable:
                    for what, fact in _facts(request, asked, home, call, frame):
                        found.setdefault(home.name, []).append((what, fact))
    return found


def _facts(
    request: Request, asked: Endpoint, home: Module, call: ast.Call, frame: Frame | None
) -> Iterator[tuple[str, Shared]]:
    reads = request.method(frame) in _READS
    if _logs_in(request, asked, frame):
        yield "login", _login(request, asked, home, call, frame)
    elif reads and not asked.one_of_many:
        yield ("check" if asked.state else "pull"), _pull(request, asked, home, call, frame)


def _logs_in(request: Request, asked: Endpoint, frame: Frame | None) -> bool:
    """Say whether a request asks for a token: by sending who asks, or by reading it with a login or key of its own."""
    if not asked.is_login or request.method(frame) == "delete":
        return False
    if request.method(frame) not in _READS:
        return True
    own = argument_of(request.module, request.call, "auth") is not None
    return asked.ends_in_a_login and (own or asked.with_key or any(promises_secret(k) for k, _ in asked.query))


def _login(request: Request, asked: Endpoint, home: Module, call: ast.Call, frame: Frame | None) -> Shared:
    suffix, why_not = _suffix(request, home, call, frame)

    def change(name: str, _holes: tuple[str, ...]) -> Change:
        return Change(why_not=why_not) if why_not else login_change(home, call, name, suffix)

    return replace_fields(request_login(request, asked, home, call), change=change)


def _pull(request: Request, asked: Endpoint, home: Module, call: ast.Call, frame: Frame | None) -> Shared:
    suffix, why_not = _suffix(request, home, call, frame)
    if asked.shown == "" or isinstance(asked.url[0], Hole):
        why_not = "its whole address is put in by a loop or a setting"

    def change(name: str, holes: tuple[str, ...]) -> Change:
        if why_not:
            return Change(why_not=why_not)
        if request.library in ("urlretrieve", "feedparser", "http.client"):
            return Change(why_not=f"{request.library} hands on more than the data")
        if request.library in ("pandas", "polars") and request.url is not None:
            return argument_change(home, request.url, asked, name, holes)
        return pull_change(home, call, asked, name, holes, suffix)

    return Shared(
        place=home.place(call),
        key=f"{asked.state} {asked.key}".strip() if asked.state else asked.key,
        keys=_keys(request, asked, frame),
        shown=asked.shown,
        stem=asked.stem,
        url=asked.template,
        looped=home.looped(call),
        holes=asked.names,
        change=change,
        kind=asked.state,
        with_login=asked.with_key or request.carries_login,
        overridden=overridden(request.module, asked.template),
    )


def _keys(request: Request, asked: Endpoint, frame: Frame | None) -> tuple[str, ...]:
    """Return the keys of all that loops over known lists ask for, also in the callers of a function of the request."""
    if frame is not None or asked.keys:
        return asked.keys
    found: list[str] = []
    function = request.module.function_of(request.call)
    sites = request.module.folder.sites(function) if function is not None else []
    for home, site in sites if function is not None else []:
        of_caller = request.asked(Frame(function, site, home)) if function is not None else None
        if of_caller is None or not of_caller.keys:
            return ()
        found += of_caller.keys
    return tuple(dict.fromkeys(found))


def _suffix(request: Request, home: Module, call: ast.Call, frame: Frame | None) -> tuple[str, str]:
    """Return what a pull must end in to stand for `call` (`.path`, `.json()`), and why it cannot."""
    if frame is None:
        return "", ""
    function = request.module.function_of(request.call)
    body = _returned(request, function) if function is not None and frame.function is function else ""
    line = request.call.lineno
    if body and frame.outer is None:
        return body, ""
    where = f"{request.module.source.file}:{line}"
    return "", f"the request itself stands in {where} and serves several addresses"


def _returned(request: Request, function: Function) -> str:
    """Return what a wrapper makes of its response, if it returns that and nothing else: `.json()`, `.text()` ..."""
    returns = [r.value for r in ast.walk(function) if isinstance(r, ast.Return)]
    if len(returns) != 1 or returns[0] is None:
        return ""
    value, module = returns[0], request.module

    def answers(node: ast.expr) -> bool:
        return (module.value_of(node) if isinstance(node, ast.Name) else node) is request.call

    match value:
        case ast.Call(args=[inner]) if module.resolve(value.func).name == "json.load" and answers(inner):
            return ".json()"
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Attribute() as read, args=[]), attr="decode")):
            return ".text()" if read.attr == "read" and answers(read.value) else ""
        case ast.Call(func=ast.Attribute() as made, args=[]) if answers(made.value):
            return {"json": ".json()", "read": ".bytes()"}.get(made.attr, "")
        case ast.Attribute() if answers(value.value):
            return {"text": ".text()", "content": ".bytes()"}.get(value.attr, "")
    return ""
