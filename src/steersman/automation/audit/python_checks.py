"""State checks in Python: is the market open, is the file fresh, is there room, what is the balance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.endpoints import Hole, literal, masked, shown
from steersman.automation.audit.facts import Change, Shared
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_text import evaluate

_DISK: Final = ("shutil.disk_usage", "psutil.disk_usage", "os.statvfs")
_LOAD: Final = ("os.getloadavg", "psutil.virtual_memory", "psutil.cpu_percent", "psutil.getloadavg")
_AGE: Final = ("os.path.getmtime", "os.path.getctime")
_STEP: Final = 'move the check into one automation that fails when the answer is no, and give the others needs = ["{}"]'
# Methods of trading SDKs that ask for a state.
_METHODS: Final = {
    "get_clock": "market open",
    "fetch_balance": "balance",
    "get_account": "account",
    "get_balance": "balance",
    "get_account_balance": "balance",
    "get_wallet_balance": "balance",
    "get_asset_balance": "balance",
    "get_funds": "balance",
    "accountSummary": "account",
    "accountValues": "account",
    "get_market_hours": "market open",
    "get_system_status": "service up",
    "get_rate_limit": "quota",
    "fetch_status": "service up",
    "is_trading_minute": "market open",
    "is_open_on_minute": "market open",
    "is_session": "market open",
    "valid_days": "market open",
    "open_at_time": "market open",
}


def checks(module: Module) -> Iterator[Shared]:
    """Return the state checks of a file that are no HTTP request of its own."""
    for call in module.calls:
        found = _of_call(module, call)
        if found is not None:
            yield found


def _of_call(module: Module, call: ast.Call) -> Shared | None:
    name = module.resolve(call.func).name
    if name in _DISK and call.args:
        return _check(module, call, "disk", call.args[0])
    if name in _LOAD:
        return state(module, call, f"machine load {name}", f"{name}", "machine load")
    if name == "os.path.ismount" and call.args:
        return _check(module, call, "disk", call.args[0])
    if name.endswith(("socket.create_connection", "socket.socket().connect_ex")) and call.args:
        return _answers(module, call, call.args[0])
    if name in _AGE and call.args:
        return _check(module, call, "file age", call.args[0])
    if name == "os.stat" and call.args and _asks_age(module, call):
        return _check(module, call, "file age", call.args[0])
    if isinstance(call.func, ast.Attribute) and call.func.attr == "stat" and _asks_age(module, call):
        return _check(module, call, "file age", call.func.value)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return _method(module, call, call.func, name)
    return None


def _answers(module: Module, call: ast.Call, pair: ast.expr) -> Shared | None:
    """Return the check whether a server answers that a connection to a host and port is."""
    if not isinstance(pair, ast.Tuple) or len(pair.elts) != 2:
        return None
    host, port = (literal(evaluate(module, e)) for e in pair.elts)
    if not host or not port:
        return None
    return state(module, call, f"service up {host} {port}", f"service up of {host} {port}", "service up")


def _asks_age(module: Module, call: ast.Call) -> bool:
    above = module.parents[call]
    if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
        name = above.targets[0].id
        read = (n for n in module.nodes if isinstance(n, ast.Attribute) and n.attr.startswith(("st_mtime", "st_ctime")))
        return any(isinstance(n.value, ast.Name) and n.value.id == name for n in read)
    return isinstance(above, ast.Attribute) and above.attr.startswith(("st_mtime", "st_ctime"))


def _check(module: Module, call: ast.Call, kind: str, subject: ast.expr) -> Shared | None:
    text = evaluate(module, subject)
    if any(isinstance(p, Hole) and not p.env for p in text):
        return None  # what varies from call to call is another thing each time
    return state(module, call, f"{kind} {masked(text)}", f"{kind} of {shown(text)}", kind)


def _method(module: Module, call: ast.Call, func: ast.Attribute, name: str) -> Shared:
    kind = _METHODS[func.attr]
    owner = name.rpartition(".")[0].replace("()", "")
    owner = owner if owner not in ("", "?") else module.text(func.value)
    return state(module, call, f"{kind} {owner}", f"{kind} by {owner}.{func.attr}", kind)


def state(module: Module, call: ast.Call, key: str, what: str, kind: str) -> Shared:
    """Return a check that only a declared automation can do for all: no edit of the script replaces it."""
    why = "the result is used inside the script: what others need of it is a decision, not a value"
    return Shared(
        place=module.place(call),
        key=key,
        shown=what,
        stem=kind.replace(" ", "_"),
        looped=module.looped(call),
        change=lambda name, _holes: Change(
            why_not=why,
            next_step=_STEP.format(name),
        ),
        kind=kind,
    )
