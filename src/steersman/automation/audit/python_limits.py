"""Waits in Python that are no HTTP request: other processes, mail, databases, bare sockets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.endpoints import literal, shown
from steersman.automation.audit.facts import Call, Change
from steersman.automation.audit.python_curl import curl
from steersman.automation.audit.python_edits import add_keyword
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_tables import argument_of
from steersman.automation.audit.python_text import evaluate

# What waits for ever unless told otherwise -> the argument that tells it, as each library documents it.
_ENDLESS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"^subprocess\.(run|call|check_call|check_output)$"), "timeout=600"),
    (re.compile(r"^subprocess\.Popen\(\)\.(wait|communicate)$"), "timeout=600"),
    (re.compile(r"^smtplib\.(SMTP|SMTP_SSL|LMTP)$"), "timeout=30"),
    (re.compile(r"^(ftplib\.FTP(_TLS)?|imaplib\.IMAP4(_SSL)?|poplib\.POP3(_SSL)?)$"), "timeout=30"),
    (re.compile(r"^telnetlib\.Telnet$"), "timeout=30"),
    (re.compile(r"^socket\.socket\(\)\.connect$"), "settimeout"),
    (re.compile(r"^asyncio\.open_(unix_)?connection$"), "wait_for"),
    (re.compile(r"^http\.client\.HTTPS?Connection$"), "timeout=30"),
    (re.compile(r"^(socket|websocket)\.create_connection$"), "timeout=30"),
    (re.compile(r"^paramiko(\.client)?\.SSHClient\(\)\.connect$"), "timeout=30"),
    (re.compile(r"^psycopg2?\.(connect|Connection\.connect|AsyncConnection\.connect)$"), "connect_timeout=10"),
)

# Seen in alpaca-py 0.44 (`common/rest.py`) and tweepy 4.17 (`client.py`): requests without a timeout.
_UNLIMITED: Final = re.compile(
    r"^(alpaca\.(trading|data|broker)[\w.]*Client\(\)\.(get|submit|close|cancel|replace)_?\w*|"
    r"tweepy\.(client\.)?Client\(\)\.(create|get|delete|search)_\w+)$"
)
_NO_LIMIT: Final = "let the automation's own timeout end the run: socket.setdefaulttimeout does not reach requests"
_AROUND: Final = {
    "settimeout": "settimeout(30) on the socket, before it connects",
    "wait_for": "asyncio.timeout(30) around it",
}
# What socket.setdefaulttimeout() limits, too.
_STANDARD: Final = re.compile(r"^(smtplib|ftplib|imaplib|poplib|http\.client|socket)\.")


def waits(module: Module) -> Iterator[Call]:
    """Return every such call with whether something ends the wait."""
    for call in module.calls:
        name = module.resolve(call.func).name
        for pattern, text in _ENDLESS:
            if pattern.match(name) and curl(module, call) is None:
                around = {"settimeout": _is_set, "wait_for": _is_waited_for}.get(text)
                limited = around(module, call) if around else _limited(module, call, text.partition("=")[0])
                change = Change(why_not=_AROUND[text]) if around else None
                yield Call(
                    place=module.place(call),
                    what=name.replace("()", ""),
                    limited=limited,
                    limit=Change() if limited else change or add_keyword(module, call, text),
                )


def sdk_waits(module: Module) -> Iterator[Call]:
    """Return the calls of trading and publishing SDKs whose sources set no limit and take none (alpaca-py, tweepy)."""
    for call in module.calls:
        name = module.resolve(call.func).name
        if _UNLIMITED.match(name):
            yield Call(
                place=module.place(call),
                what=name.replace("()", ""),
                limited=False,
                limit=Change(why_not="its library takes no limit", next_step=_NO_LIMIT),
            )


def _is_waited_for(module: Module, call: ast.Call) -> bool:
    """Say whether what is awaited stands in `asyncio.wait_for(...)` or `async with asyncio.timeout(...)`."""
    for above in module.ancestors(call):
        heads = [i.context_expr for i in above.items] if isinstance(above, ast.AsyncWith) else [above]
        calls = [h for h in heads if isinstance(h, ast.Call)]
        if any(re.search(r"(wait_for|timeout|timeout_at|fail_after)$", module.resolve(c.func).name) for c in calls):
            return True
    return False


def _is_set(module: Module, call: ast.Call) -> bool:
    """Say whether the socket that `call` connects was given a limit by `settimeout` or `setblocking`."""
    made = module.resolve(call.func).call
    sets = [
        c for c in module.calls if isinstance(c.func, ast.Attribute) and c.func.attr in ("settimeout", "setblocking")
    ]
    return module.has_default_timeout or any(module.resolve(c.func).call is made for c in sets)


def _limited(module: Module, call: ast.Call, name: str) -> bool:
    given = argument_of(module, call, name)
    if given is not None:
        return not (isinstance(given, ast.Constant) and given.value is None)
    if any(k.arg is None for k in call.keywords):
        return True
    if _STANDARD.match(module.resolve(call.func).name) and module.has_default_timeout:
        return True
    listed = call.args[0].elts[:1] if call.args and isinstance(call.args[0], ast.List) else []
    if [literal(evaluate(module, program)) for program in listed] == ["timeout"]:
        return True  # the command of that name ends it
    if name == "connect_timeout":
        return any("connect_timeout" in shown(evaluate(module, a)) for a in call.args)
    callee = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return len(call.args) > {"create_connection": 1, "wait": 0, "communicate": 1}.get(callee, 99)
