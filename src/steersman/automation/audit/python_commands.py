"""What Python runs as another program: a text handed to a shell, or a list of words, read as the shell reads it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal

from steersman.automation.audit import shell
from steersman.automation.audit.endpoints import literal
from steersman.automation.audit.facts import Call, Change, Script, Shared
from steersman.automation.audit.python_calls import keyword
from steersman.automation.audit.python_curl import curl
from steersman.automation.audit.python_module import Module
from steersman.automation.audit.python_text import evaluate
from steersman.automation.audit.python_turns import elements

_RUNS: Final = re.compile(r"^subprocess\.(run|call|check_call|check_output|Popen|getoutput|getstatusoutput)$")
_SHELLS: Final = ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")
_IN_TEXT: Final = Change(why_not="it stands in a text that is run")
_WORD: Final = re.compile(r"[\w./:=@%+,-]+")


def commanded(module: Module, call: ast.Call) -> Script | None:
    """Return what the command does that `call` runs, as a script; None if it runs none that can be read."""
    name = module.resolve(call.func).name
    if not call.args or (name not in _SHELLS and not _RUNS.match(name)) or curl(module, call) is not None:
        return None
    by_shell = keyword(call, "shell")
    text = ""
    if name in _SHELLS or (isinstance(by_shell, ast.Constant) and by_shell.value is True):
        text = shell.runnable(evaluate(module, call.args[0]))
    elif (listed := elements(module, call.args[0])) is not None:
        text = " ".join(_word(module, e) for e in listed)
    return shell.of_text(module.source.file, text, module.folder.settings)


def _word(module: Module, node: ast.expr) -> str:
    text = evaluate(module, node)
    fixed = literal(text)
    if fixed is not None:
        return fixed if _WORD.fullmatch(fixed) else shlex.quote(fixed)
    return '"' + shell.runnable(text).replace('"', "") + '"'


def run_calls(module: Module, call: ast.Call, script: Script) -> list[Call]:
    """Return the waits of a command that is run, at the call that runs it; what the call itself limits has none.

    Those of `subprocess.run` are found themselves when nothing ends them.
    """
    ends = keyword(call, "timeout") is not None
    itself = bool(_RUNS.match(module.resolve(call.func).name))
    return [
        replace(c, place=module.place(call), limited=c.limited or ends or itself, limit=_IN_TEXT, retry=Change())
        for c in script.calls
    ]


def run_facts(
    module: Module, run: Iterable[tuple[ast.Call, Script]], what: Literal["logins", "pulls", "checks"]
) -> tuple[Shared, ...]:
    """Return what commands that are run ask for, at the calls that run them."""
    return tuple(
        replace(fact, place=module.place(call), looped=module.looped(call), change=lambda _name, _holes: _IN_TEXT)
        for call, script in run
        for fact in getattr(script, what)
    )
