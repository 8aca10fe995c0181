"""Polling in Python: loops that sleep until something has happened, and schedulers made by hand.

Not polling: a pause between different requests (pages, items, a queue), and a pause before a failed call is repeated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from steersman.automation.audit.facts import Wait
from steersman.automation.audit.python_module import Module

_SLEEPS: Final = ("time.sleep", "asyncio.sleep", "trio.sleep", "anyio.sleep")
_CONSUMES: Final = ("pop", "popleft", "popitem", "get", "get_nowait")
_BLOCKS: Final = re.compile(r"^(queue|multiprocessing|asyncio)\.\w*Queue\(\)\.get$")
_EVENT: Final = 'let the other side\'s run or event start this script: needs = [...] or on = "..." in steersman.toml'
_SCHEDULE: Final = (
    'do the work once per run and give the automation schedule = "* * * * *" (or what the sleep stood for)'
)


def waits(module: Module) -> Iterator[Wait]:
    """Return the polling loops of a file, in order."""
    loops = [n for n in module.nodes if isinstance(n, ast.While | ast.For)]
    for loop in sorted(loops, key=lambda n: n.lineno):
        if not _sleeps(module, loop):
            continue
        what = _while(module, loop) if isinstance(loop, ast.While) else _for(module, loop)
        if what:
            step = _SCHEDULE if what.startswith("repeats") else _EVENT
            yield Wait(place=module.place(loop), what=what, next_step=step)


def _own(loop: ast.While | ast.For) -> Iterator[ast.AST]:
    """Return what runs in each turn of `loop`: no functions defined in it, no loops of its own over items."""
    waiting: list[ast.AST] = [*loop.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.While):
            waiting.extend(ast.iter_child_nodes(node))


def _sleeps(module: Module, loop: ast.While | ast.For) -> bool:
    """Say whether `loop` sleeps in its normal course: not only where an error is handled, nor per item of another."""
    if isinstance(loop, ast.While) and any(_waits_on_event(module, n) for n in ast.walk(loop.test)):
        return True
    for node in _own(loop):
        pauses = isinstance(node, ast.Call) and module.resolve(node.func).name in _SLEEPS
        if pauses or _waits_on_event(module, node):
            between = []
            for ancestor in module.ancestors(node):
                if ancestor is loop:
                    break
                between.append(ancestor)
            if not any(isinstance(a, ast.ExceptHandler | ast.For) for a in between):
                return True
    return False


def _waits_on_event(module: Module, node: ast.AST) -> bool:
    """Say whether `node` pauses until an event or for a time: `stop.wait(30)`, `wait_for(stop.wait(), 30)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "wait":
        return False
    owner, above = node.func.value, module.parents.get(node)
    timed = bool(node.args or node.keywords) or (isinstance(above, ast.Call) and above.args[:1] == [node])
    function = module.parameter(owner) if isinstance(owner, ast.Name) else None
    said = (
        next((a.annotation for a in function.args.args if a.arg == getattr(owner, "id", "")), None)
        if function
        else None
    )
    name = module.resolve(owner).name
    return timed and (name.endswith(".Event()") or (said is not None and ast.unparse(said).endswith("Event")))


def _steps(loop: ast.While) -> bool:
    """Say whether the loop works something off that its test counts: `while left > 0: ...; left -= part`."""
    tested = {n.id for n in ast.walk(loop.test) if isinstance(n, ast.Name)}
    moved = {n.target.id for n in _own(loop) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    return bool(tested & moved) and not _leaves(loop)


def _while(module: Module, loop: ast.While) -> str:
    test = loop.test
    if _advances(module, loop) or _retries(loop) or _steps(loop):
        return ""
    if isinstance(test, ast.Constant):
        return "waits until a condition holds" if _leaves(loop) else "repeats its work for ever, with a sleep"
    if isinstance(test, ast.Name):
        return "" if test.id in _assigned(loop) else "repeats its work until it is stopped, with a sleep"
    return f"waits until `{_short(module, test)}` no longer holds"


def _for(module: Module, loop: ast.For) -> str:
    """A bounded wait: turns that do not differ, left as soon as a condition holds."""
    turns = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    used = {n.id for n in _own(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    counted = isinstance(loop.iter, ast.Call) and module.resolve(loop.iter.func).name in ("range", "itertools.count")
    if not counted or turns & used or _tries(loop) or not _leaves(loop):
        return ""
    return "waits, a number of times, until a condition holds"


def _advances(module: Module, loop: ast.While) -> bool:
    """Say whether each turn asks for something else: a page, a cursor or an item taken from a queue."""
    assigned = _assigned(loop)
    for node in _own(loop):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CONSUMES and _is_tested(loop, node.func.value):
            return True
        name = module.resolve(node.func).name
        if _BLOCKS.match(name):
            return True  # it is woken by what comes in: the sleep only slows it down
        given = {
            n.id
            for a in (*node.args, *(k.value for k in node.keywords))
            for n in ast.walk(a)
            if isinstance(n, ast.Name)
        }
        # `params = {"cursor": cursor}`: what a call is given may be made of what is carried over.
        assigns = [n for n in _own(loop) if isinstance(n, ast.Assign)]
        made = [(a.targets[0].id, a.value) for a in assigns if isinstance(a.targets[0], ast.Name)]
        within = [n for target, value in made if target in given for n in ast.walk(value)]
        given |= {n.id for n in within if isinstance(n, ast.Name)}
        if given & assigned and not name.startswith(
            ("print", "len", "log", "time.", "min", "max", "int", "str", "float")
        ):
            moved = given & assigned
            if any(_asks_before_it_is_set(loop, name_, node) for name_ in moved):
                return True
    return False


def _is_tested(loop: ast.While, node: ast.expr) -> bool:
    names = {n.id for n in ast.walk(loop.test) if isinstance(n, ast.Name)}
    return isinstance(node, ast.Name) and node.id in names


def _asks_before_it_is_set(loop: ast.While, name: str, call: ast.Call) -> bool:
    """Say whether `name` is carried from one turn into the next: used above the line that sets it anew."""
    sets = [n.lineno for n in _own(loop) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
    return bool(sets) and call.lineno <= max(sets) and min(sets) >= call.lineno


def _assigned(loop: ast.While | ast.For) -> set[str]:
    return {n.id for n in _own(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _tries(loop: ast.While | ast.For) -> bool:
    """Say whether a failed attempt is what makes `loop` turn: a `try` in it that leaves when all went well."""
    for node in _own(loop):
        if isinstance(node, ast.Try):
            inside = [n for part in (*node.body, *node.orelse) for n in ast.walk(part)]
            if any(isinstance(n, ast.Return | ast.Break) for n in inside):
                return True
    return False


def _retries(loop: ast.While) -> bool:
    return _tries(loop) and not any(isinstance(n, ast.If) and _leaves_in(n) for n in _own(loop))


def _leaves_in(node: ast.If) -> bool:
    return any(isinstance(n, ast.Return | ast.Break) for part in node.body for n in ast.walk(part))


def _leaves(loop: ast.While | ast.For) -> bool:
    return any(isinstance(n, ast.Return | ast.Break) for n in _own(loop))


def _short(module: Module, node: ast.expr) -> str:
    text = " ".join(module.text(node).split())
    return text if len(text) <= 50 else text[:47] + "..."
