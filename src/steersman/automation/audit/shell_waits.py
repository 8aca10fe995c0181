"""Polling in shell: loops that sleep until something has happened, and schedulers made by hand.

Not polling: a pause between lines that are read, and a loop that counts its attempts at a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from steersman.automation.audit.facts import Wait
from steersman.automation.audit.shell_requests import http
from steersman.automation.audit.shell_tree import LOOPS, Command, Tree

if TYPE_CHECKING:
    from tree_sitter import Node

_EVENT: Final = 'let the other side\'s run or event start this script: needs = [...] or on = "..." in steersman.toml'
_SCHEDULE: Final = (
    'do the work once per run and give the automation schedule = "* * * * *" (or what the sleep stood for)'
)
_LOOKS: Final = (
    "test",
    "[",
    "grep",
    "pgrep",
    "pidof",
    "ping",
    "nc",
    "ls",
    "stat",
    "kill",
    "pg_isready",
    "lsof",
    "find",
    "ssh",
)
_QUIET: Final = frozenset(("-e", "-q", "-qx", "-qi", "-qE", "--quiet", "--exit-status", "-re", "-er"))
_ENDLESS: Final = ("true", ":", "1")


def waits(tree: Tree) -> Iterator[Wait]:
    """Return the polling loops of a script, in order."""
    for loop in tree.nodes:
        if loop.type in LOOPS and _sleeps(tree, loop):
            what = _while(tree, loop) if loop.type == "while_statement" else _for(tree, loop)
            if what:
                step = _SCHEDULE if what.startswith("repeats") else _EVENT
                yield Wait(place=tree.source.place(loop.start_byte), what=what, next_step=step)


def _sleeps(tree: Tree, loop: Node) -> bool:
    """Say whether `loop` itself sleeps, and not a loop inside it."""
    for command in tree.commands:
        if command.name == "sleep":
            nearest = next((a for a in tree.ancestors(command.node) if a.type in LOOPS), None)
            if nearest is not None and nearest == loop:
                return True
    return False


def _leaves(tree: Tree, loop: Node) -> bool:
    body = loop.child_by_field_name("body")
    return body is not None and bool(re.search(r"\b(break|exit|return)\b", tree.text(body)))


def _while(tree: Tree, loop: Node) -> str:
    condition = loop.child_by_field_name("condition")
    text = tree.text(condition).rstrip(" ;") if condition is not None else ""
    if re.search(r"(^|[\s;|])read\b", text):
        return ""
    if text in _ENDLESS:
        return "waits until a condition holds" if _leaves(tree, loop) else "repeats its work for ever, with a sleep"
    if _counts(tree, loop, text) or _gives_up(tree, loop):
        return ""
    short = " ".join(text.split())
    return f"waits on `{short if len(short) <= 50 else short[:47] + '...'}`"


def _counts(tree: Tree, loop: Node, condition: str) -> bool:
    """Say whether the condition only counts attempts at a request: `while [ "$n" -lt 5 ]`."""
    counted = re.search(r"\$\{?(\w+)\}?\"?\s*(-lt|-le|-ne|<|<=)|\(\(\s*(\w+)\s*<", condition)
    return counted is not None and _requests(tree, loop)


def _gives_up(tree: Tree, loop: Node) -> bool:
    """Say whether work is tried until it is done, a number of times: `[ $n -ge 5 ] && exit` in the loop."""
    condition = loop.child_by_field_name("condition")
    asking = [c for c in tree.commands if condition is not None and condition in (c.node, *tree.ancestors(c.node))]
    works = any(not _only_asks(c) for c in asking)
    return works and _leaves(tree, loop) and bool(re.search(r"-(ge|gt|eq)\b|>=?\s*\d", tree.text(loop)))


def _only_asks(command: Command) -> bool:
    """Say whether a command looks how things are, and does nothing itself."""
    request = http(command)
    if request is not None:
        written = request.value("-o", "--output", "-O", "--output-document")
        return written is None or written.fixed == "/dev/null"
    return command.name in _LOOKS or any(w.fixed in ("status", "ps", "inspect", "is-active") for w in command.words[:2])


def _for(tree: Tree, loop: Node) -> str:
    """A bounded wait: leaves as soon as a test holds, and makes no request of its own to repeat."""
    variable = loop.child_by_field_name("variable")
    body = loop.child_by_field_name("body")
    if body is None or not _leaves(tree, loop) or (_requests(tree, loop) and not _judges(tree, loop)):
        return ""
    if variable is not None and re.search(rf"\$\{{?{re.escape(tree.text(variable))}\b", tree.text(body)):
        return ""
    if any(c.name.startswith("$") or not c.name for c in _inside(tree, loop)):
        return ""
    tests = [n for n in tree.nodes if n.type == "test_command" and loop in tree.ancestors(n)]
    known = any(c.name in ("test", "pgrep", "kill", "systemctl", "ls", "pidof") for c in _inside(tree, loop))
    return "waits, a number of times, until a condition holds" if tests or known or _judges(tree, loop) else ""


def _judges(tree: Tree, loop: Node) -> bool:
    """Say whether a loop is left for what an answer says, `[ "$state" = done ] && break`, and not once there is one."""
    text = tree.text(loop)
    if "http_code" in text or "$?" in text:
        return False
    if any(_is_judged(tree, c) for c in _inside(tree, loop) if http(c) is not None):
        return True
    asked = {m[1] for m in re.finditer(r"(\w+)=\"?\$\((?:[^()]*\b)?(?:curl|wget|http)\b[^\n]*\|", text)}
    tests = [tree.text(n) for n in tree.nodes if n.type == "test_command" and loop in tree.ancestors(n)]
    return any(re.search(rf"\$\{{?{name}\b", test) for name in asked for test in tests)


def _inside(tree: Tree, loop: Node) -> list[Command]:
    """Return the commands of a loop, and those of the functions that it calls."""
    found = [c for c in tree.commands if loop in tree.ancestors(c.node)]
    for command in found:
        body = tree.functions.get(command.name)
        found += [c for c in tree.commands if body in tree.ancestors(c.node) and c not in found] if body else []
    return found


def _is_judged(tree: Tree, command: Command) -> bool:
    """Say whether what an answer says decides: it is handed to `jq -e`, `grep -q` or the like."""
    above = command.node.parent
    if above is None or above.type != "pipeline":
        return False
    stages = [c for c in tree.commands if c.node.parent == above and c.node.start_byte > command.node.start_byte]
    return any(c.name in ("jq", "grep", "egrep") and _QUIET & {w.fixed for w in c.words} for c in stages)


def _requests(tree: Tree, loop: Node) -> bool:
    return any(http(c) is not None for c in _inside(tree, loop))
